package bot

// HookSecret is the secret of a bot's webhook, to be looked for where it must
// not be.
func HookSecret(token Secret) string { return hookSecret(token).Reveal() }
