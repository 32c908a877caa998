// Package telegramtest is a Telegram Bot API server for tests and demos. It
// holds people and chats in memory, or in a journal that survives a crash, and
// refuses what Telegram refuses with Telegram's own words: bad markup, texts
// over 4096 UTF-16 units, callback data over 64 bytes, unknown chats, blocked
// users, late callback answers, a second getUpdates.
//
// # Two sides
//
// The bot's side is HTTP: a [Server] is an [http.Handler] that answers
// /bot<token>/METHOD for JSON, form and multipart requests. [Start] puts it on
// a loopback port:
//
//	srv := telegramtest.Start(t, telegramtest.WithToken("123:TEST"))
//	// point the bot at srv.URL
//
// The people's side is Go. [Server.User] returns somebody with the chat open:
//
//	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
//	jane.Send("/start")
//	greeting, err := jane.Wait(ctx, telegramtest.Contains("Welcome"))
//	_, err = jane.Press(greeting.ID, "done")
//
// # Trouble on order
//
// [Server.Fault] makes calls fail, wait, be cut off before or after they take
// effect, or be rate limited; [WithStrictLimits] applies Telegram's published
// rates. [Server.Calls] tells what the bot asked for.
//
// # What is not here
//
// Channels, media other than documents, inline mode, payments, games and Mini
// Apps. Their methods answer 404, as Telegram does for a method it does not
// have.
package telegramtest
