package insforge

// fallbackSettings say how far filtering on this side may go.
type fallbackSettings struct{}
