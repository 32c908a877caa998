package telegramtest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
