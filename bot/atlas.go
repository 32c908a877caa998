package bot

import (
	_ "embed"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// places.tsv lists a city a line: time zone, names with slashes between, and
// latitude and longitude to a tenth of a degree. It has the city of each zone,
// as the tz database's zone.tab has them, and other large cities, above all
// where the zone's own city is far or a border is near.
//
//go:embed places.tsv
var placesFile string

// place is a city and its time zone.
type place struct {
	name string
	zone string
	at   point
	keys []string // the names it is found by
}

// point is a place on the earth, in degrees.
type point struct{ latitude, longitude float64 }

// atlas is the places the bot knows.
type atlas []place

// newAtlas reads the list.
func newAtlas() atlas {
	var places atlas
	for line := range strings.Lines(placesFile) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 {
			continue // a test reads every line
		}
		names := strings.Split(fields[1], "/")
		p := place{name: names[0], zone: fields[0]}
		p.at.latitude, _ = strconv.ParseFloat(fields[2], 64)
		p.at.longitude, _ = strconv.ParseFloat(fields[3], 64)
		for _, name := range names {
			p.keys = append(p.keys, placeKey(name))
			if city, _, qualified := strings.Cut(name, ","); qualified {
				p.keys = append(p.keys, placeKey(city))
			}
		}
		places = append(places, p)
	}
	return places
}

// placeKey is a name without what people leave out: case, accents, and all but
// letters.
func placeKey(name string) string {
	name = strings.NewReplacer("ß", "ss", "ł", "l", "Ł", "l", "ø", "o", "Ø", "o", "æ", "ae", "ı", "i", "Saint ", "st ", "saint ", "st ").Replace(name)
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(name))
}

// leastPrefix is from how many letters the beginning of a name finds it.
const leastPrefix = 4

// named are the places of that name, or else those whose name begins so.
func (a atlas) named(name string) []place {
	key := placeKey(name)
	if key == "" {
		return nil
	}
	find := func(matches func(string) bool) []place {
		var found []place
		for _, p := range a {
			if slices.ContainsFunc(p.keys, matches) {
				found = append(found, p)
			}
		}
		return found
	}
	found := find(func(k string) bool { return k == key })
	if len(found) == 0 && len([]rune(key)) >= leastPrefix {
		found = find(func(k string) bool { return strings.HasPrefix(k, key) })
	}
	if plain := umlauts.Replace(key); len(found) == 0 && plain != key {
		return find(func(k string) bool { return k == plain })
	}
	return found
}

// called reports whether a place has that whole name.
func (p place) called(name string) bool {
	key := placeKey(name)
	return slices.Contains(p.keys, key) || slices.Contains(p.keys, umlauts.Replace(key))
}

// umlauts are spelt out where a keyboard has none: Muenchen.
var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")

// distantPlace is a place and how far it is, in kilometres.
type distantPlace struct {
	place
	far float64
}

// near are the nearest place of each time zone, the nearest first.
func (a atlas) near(at point) []distantPlace {
	nearest := map[string]distantPlace{}
	for _, p := range a {
		far := at.to(p.at)
		if known, ok := nearest[p.zone]; !ok || far < known.far {
			nearest[p.zone] = distantPlace{p, far}
		}
	}
	out := make([]distantPlace, 0, len(nearest))
	for _, p := range nearest {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b distantPlace) int {
		if a.far < b.far {
			return -1
		}
		if a.far > b.far {
			return 1
		}
		return strings.Compare(a.zone, b.zone)
	})
	return out
}

// earthRadius is the earth's mean radius in kilometres.
const earthRadius = 6371

// to is the way from one point to another along the surface, in kilometres,
// by the haversine formula.
func (p point) to(other point) float64 {
	rad := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	haversine := func(angle float64) float64 { s := math.Sin(angle / 2); return s * s }
	h := haversine(rad(other.latitude-p.latitude)) +
		math.Cos(rad(p.latitude))*math.Cos(rad(other.latitude))*haversine(rad(other.longitude-p.longitude))
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}
