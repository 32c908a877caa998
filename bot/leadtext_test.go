package bot

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadLead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want leadText
	}{
		{"Jane Doe, CTO @ Acme, met at the fair", leadText{"Jane Doe", "CTO", "Acme", "met at the fair"}},
		{"Jane Doe", leadText{name: "Jane Doe"}},
		{"Jane Doe, CTO", leadText{name: "Jane Doe", title: "CTO"}},
		{"Jane Doe,CTO@Acme", leadText{"Jane Doe", "CTO", "Acme", ""}},
		{"Jane Doe, head of data at Acme Corp., two kids, likes chess", leadText{"Jane Doe", "head of data", "Acme Corp.", "two kids, likes chess"}},
		{"Jane Doe @ Acme, met at the fair", leadText{"Jane Doe", "", "Acme", "met at the fair"}},
		{"Jane Doe, @ Acme", leadText{"Jane Doe", "", "Acme", ""}},
		{"Nat Attenborough, VP Data", leadText{name: "Nat Attenborough", title: "VP Data"}},
		{" Jane Doe , CTO @ Acme \n likes chess\nhas a dog ", leadText{"Jane Doe", "CTO", "Acme", "likes chess\nhas a dog"}},
		{"Анна Иванова، CTO @ Acme", leadText{"Анна Иванова", "CTO", "Acme", ""}},
		{`"O'Brien, Jr.", VP @ "Foo, Inc.", met, twice`, leadText{"O'Brien, Jr.", "VP", "Foo, Inc.", "met, twice"}},
		{`Jane Doe, maker of 6" pipes, likes tea`, leadText{"Jane Doe", `maker of 6" pipes`, "", "likes tea"}},
		{`"Bo" and "Al"`, leadText{name: `"Bo" and "Al"`}},
		{"", leadText{}},
		{", CTO @ Acme", leadText{title: "CTO", company: "Acme"}},
		// What people write who have not read the help.
		{"Jane Doe, met at the fair", leadText{name: "Jane Doe", notes: "met at the fair"}},
		{"Jane Doe, met at SaaStr, likes chess", leadText{name: "Jane Doe", notes: "met at SaaStr, likes chess"}},
		{"Jane Doe, coffee at the fair", leadText{name: "Jane Doe", title: "coffee at the fair"}},
		{"Jane Doe, Director at The Home Depot", leadText{"Jane Doe", "Director", "The Home Depot", ""}},
		{"Jane Doe, VP Sales at EMEA @ Acme", leadText{"Jane Doe", "VP Sales at EMEA", "Acme", ""}},
		{"Jane Doe, works at Acme, two kids", leadText{"Jane Doe", "", "Acme", "two kids"}},
		{"Jane Doe, from Acme", leadText{"Jane Doe", "", "Acme", ""}},
		{"Jane Doe at Acme", leadText{"Jane Doe", "", "Acme", ""}},
		{"Jane Doe – CTO @ Acme – met at the fair", leadText{"Jane Doe", "CTO", "Acme", "met at the fair"}},
		{"Jane Doe | Founder at Acme", leadText{"Jane Doe", "Founder", "Acme", ""}},
		{"Jean-Luc Picard, Captain - retired @ Starfleet", leadText{"Jean-Luc Picard", "Captain - retired", "Starfleet", ""}},
		{"Jane Doe\nCTO at Acme\nmet at the fair", leadText{"Jane Doe", "CTO", "Acme", "met at the fair"}},
		{"Jane Doe\nmet at the fair", leadText{name: "Jane Doe", notes: "met at the fair"}},
		{"Martin King, Jr., CEO @ Acme, likes tea", leadText{"Martin King, Jr.", "CEO", "Acme", "likes tea"}},
		{"Jane Doe, Ph.D., CTO @ Acme", leadText{"Jane Doe, Ph.D.", "CTO", "Acme", ""}},
		{"Anna Schmidt, Geschäftsführerin bei Müller GmbH, kennt Tom", leadText{"Anna Schmidt", "Geschäftsführerin", "Müller GmbH", "kennt Tom"}},
		{"Luc Petit, directeur chez Orange", leadText{"Luc Petit", "directeur", "Orange", ""}},
		{"王小明，首席技术官＠阿里巴巴，展会认识", leadText{"王小明", "首席技术官", "阿里巴巴", "展会认识"}},
		{"יעל כהן, סמנכ\"לית @ חברה, נפגשנו בכנס", leadText{"יעל כהן", "סמנכ\"לית", "חברה", "נפגשנו בכנס"}},
		// Addresses are no names, no titles and no companies.
		{"Jane Doe, jane@acme.com", leadText{name: "Jane Doe", notes: "jane@acme.com"}},
		{"Jane Doe <jane@acme.com>, CTO @ Acme, met at the fair", leadText{"Jane Doe", "CTO", "Acme", "jane@acme.com\nmet at the fair"}},
		{"Jane Doe, jane@acme.com, CTO @ Acme", leadText{"Jane Doe", "CTO", "Acme", "jane@acme.com"}},
		{"Jane Doe https://linkedin.com/in/janedoe", leadText{name: "Jane Doe", notes: "https://linkedin.com/in/janedoe"}},
		{"jane.doe@acme.com", leadText{name: "Jane Doe", notes: "jane.doe@acme.com"}},
		{"https://www.linkedin.com/in/jane-doe-123/", leadText{name: "Jane Doe", notes: "https://www.linkedin.com/in/jane-doe-123/"}},
		// Signs of other kinds.
		{"J@ne Doe, CTO", leadText{name: "J@ne Doe", title: "CTO"}},
		{"Jane Doe@Acme", leadText{"Jane Doe", "", "Acme", ""}},
		{"@janedoe", leadText{name: "@janedoe"}},
		{"@janedoe, CTO @ Acme", leadText{"@janedoe", "CTO", "Acme", ""}},
		{"👩‍👩‍👧, CTO", leadText{name: "👩‍👩‍👧", title: "CTO"}},
		{"@", leadText{}},
		{" , , ,", leadText{}},
		{"\u200b", leadText{}},
		{`"Jane Doe" <jane@acme.com>`, leadText{name: "Jane Doe", notes: "jane@acme.com"}},
		{"https://x.example/in/%be0", leadText{name: "https://x.example/in/%be0", notes: "https://x.example/in/%be0"}},
		{"https://x.example/in/j%C3%B6rg-%be", leadText{name: "Jörg", notes: "https://x.example/in/j%C3%B6rg-%be"}},
		{"\u3164\u2800", leadText{}},
	} {
		require.Equal(t, tc.want, readLead(tc.text), "%q", tc.text)
	}
	long := readLead(strings.Repeat("x", 5000))
	require.Equal(t, maxField, units(long.name))
	require.Equal(t, 5000, units(long.notes), "nothing is lost")
	require.Equal(t, "Jane Doe", readLead("Jane\u202e Doe").name)
}

func FuzzReadLead(f *testing.F) {
	for _, text := range []string{"Jane Doe, CTO @ Acme, met at the fair", "jane@acme.com", "@", "a\nb at c", "Jane, Jr., x", "https://x/", "\xff,\u0308", "http://\xbe0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "\uFFFD") // as textOf does
		lead := readLead(text)
		require.Equal(t, lead.name != "", spoken(lead.name))
		for _, field := range []string{lead.name, lead.title, lead.company} {
			require.LessOrEqual(t, units(field), maxField)
			require.NotContains(t, field, "\n")
			require.Equal(t, strings.TrimSpace(field), field)
		}
		require.LessOrEqual(t, len(lead.notes), 3*len(text)+3)
	})
}
