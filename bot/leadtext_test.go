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
		{"", leadText{}},
		{", CTO @ Acme", leadText{title: "CTO", company: "Acme"}},
	} {
		require.Equal(t, tc.want, readLead(tc.text), "%q", tc.text)
	}
	long := readLead(strings.Repeat("x", 5000))
	require.Equal(t, maxField, units(long.name))
	require.Equal(t, 5000, units(long.notes), "nothing is lost")
	require.Equal(t, "Jane Doe", readLead("Jane\u202e Doe").name)
}
