package telegramtest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"time"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// A bot asks for its updates over HTTP; a person is a Go value.
func Example() {
	srv, err := telegramtest.New(telegramtest.WithToken("123:TEST"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")

	// What a bot does:
	bot := func(method, body string) {
		r := httptest.NewRequest(http.MethodPost, "/bot123:TEST/"+method, bytes.NewBufferString(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			answer, _ := io.ReadAll(w.Body)
			fmt.Println(string(answer))
		}
	}
	bot("sendMessage", `{"chat_id":7,"text":"Hello, <b>Jane"}`)
	bot("sendMessage", `{"chat_id":7,"text":"Hello, <b>Jane","parse_mode":"HTML"}`)
	bot("sendMessage", `{"chat_id":8,"text":"Hello"}`)

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	m, err := jane.Wait(ctx, telegramtest.Contains("hello"))
	fmt.Println(m.Text, err)

	// Output:
	// {"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\""}
	// {"ok":false,"error_code":400,"description":"Bad Request: chat not found"}
	// Hello, <b>Jane <nil>
}

// A reminder whose answer got lost: the bot cannot know that it was delivered.
func ExampleServer_Fault() {
	srv, err := telegramtest.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")

	srv.Fault(telegramtest.Fault{Method: "sendMessage", Drop: true, Times: 1})
	_, err = http.Get(srv.URL + "/bot" + srv.Token() + "/sendMessage?chat_id=7&text=Call+Bob")
	fmt.Println("answered:", err == nil)
	last, _ := jane.Last()
	fmt.Println("delivered:", last.Text)

	// Output:
	// answered: false
	// delivered: Call Bob
}

// A bot that does not keep to Telegram's rates is told to wait.
func ExampleWithStrictLimits() {
	srv, err := telegramtest.Listen(telegramtest.WithStrictLimits())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"}).Send("/start")

	for range 4 {
		resp, err := http.Get(srv.URL + "/bot" + srv.Token() + "/sendMessage?chat_id=7&text=Hello")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d %q\n", resp.StatusCode, resp.Header.Get("Retry-After"))
		_ = resp.Body.Close()
	}

	// Output:
	// 200 ""
	// 200 ""
	// 200 ""
	// 429 "1"
}

// A button is pressed by its label; the bot answers, or the person sees it
// spin.
func ExampleUser_Press() {
	srv, err := telegramtest.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")
	bot := func(method string, values url.Values) {
		resp, err := http.PostForm(srv.URL+"/bot"+srv.Token()+"/"+method, values)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
	}

	bot("sendMessage", url.Values{"chat_id": {"7"}, "text": {"Call Bob"},
		"reply_markup": {`{"inline_keyboard":[[{"text":"✅ Done","callback_data":"done:1"}]]}`}})
	reminder, _ := jane.Last()
	press, err := jane.Press(reminder.ID, "Done")
	if err != nil {
		fmt.Println(err)
		return
	}
	bot("answerCallbackQuery", url.Values{"callback_query_id": {press}, "text": {"Well done!"}})
	bot("editMessageText", url.Values{"chat_id": {"7"}, "message_id": {strconv.Itoa(reminder.ID)}, "text": {"Bob was called"}})

	answer, err := jane.Answer(context.Background(), press)
	edited, _ := jane.Message(reminder.ID)
	fmt.Println(answer.Text, err)
	fmt.Println(edited.Text, len(edited.Rows()))

	// Output:
	// Well done! <nil>
	// Bob was called 0
}
