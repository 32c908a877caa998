// Package bot is the Telegram host of Followthrough: it turns messages and
// button presses into calls of package scheduler, and what the scheduler wants
// said into messages.
//
// A [Service] is the whole program without its command line: poller, dialogue,
// dispatcher, follow-ups and the HTTP endpoints, over a store and a Bot API
// server that the caller hands in. The demo and production differ in nothing
// but those two.
//
// # What it promises
//
// An update is acknowledged to Telegram only after it was handled, so a crash
// loses no command; handlers are idempotent, so handling one twice does no
// harm. Updates of one chat are handled in order, different chats side by side.
// Every button acts on rows of the person who pressed it and on no others.
//
// The bot token never leaves the transport: neither errors nor logs can carry
// it, because the layers above work with a placeholder.
package bot
