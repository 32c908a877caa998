package bot

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

func TestWhereAStepIsCarriedOut(t *testing.T) {
	t.Parallel()
	notes := "met at the fair (https://fair.example/2026), jane.doe+x@acme.co.uk, see www.linkedin.com/in/jane-doe."
	for _, tc := range []struct {
		name, action, what, notes string
		link, mail                string
	}{
		{"a profile from the notes", planparse.ActionLinkedInDM, "Write", notes, "https://www.linkedin.com/in/jane-doe", ""},
		{"a post from the step", planparse.ActionLinkedInLike, "Like https://de.linkedin.com/posts/1?x=1&y=2!", notes, "https://de.linkedin.com/posts/1?x=1&y=2", ""},
		{"LinkedIn is not anywhere else", planparse.ActionLinkedInLike, "Like https://linkedin.com.evil.example/in/x", "", "", ""},
		{"a mail", planparse.ActionEmailOutreach, "Write", notes, "", "📧 To: jane.doe+x@acme.co.uk"},
		{"a mail to nobody", planparse.ActionEmailOutreach, "Write @ noon", "", "", ""},
		{"anything else", planparse.ActionMeetingRequest, "Ask", notes, "https://fair.example/2026", ""},
		{"nothing", planparse.ActionMeetingRequest, "Ask", "likes chess. No links: http://localhost/x https:// ftp://x.example", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			lead := scheduler.Lead{Notes: tc.notes}
			step := planparse.Step{Action: tc.action, Description: tc.what}
			link, ok := linkFor(lead, step)
			require.Equal(t, tc.link != "", ok)
			require.Equal(t, tc.link, link.url)
			require.Equal(t, tc.mail, addressLine(lead, step).plain())
		})
	}
	require.Equal(t, "met at the fair", unaddressed("met at the fair, jane@acme.com https://linkedin.com/in/janedoe"))
}

func FuzzLinks(f *testing.F) {
	f.Add("see https://x.example/a, www.linkedin.com/in/é and http://[::1")
	f.Fuzz(func(t *testing.T, text string) {
		for _, link := range linksIn(text) {
			address, err := url.Parse(link.url)
			require.NoError(t, err)
			require.Contains(t, []string{"http", "https"}, address.Scheme)
			require.NotEmpty(t, address.Hostname())
		}
	})
}
