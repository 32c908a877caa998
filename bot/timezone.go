package bot

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/followthrough-go/followthrough/scheduler"
)

// timezone is the command of that name.
func timezone(ctx context.Context, t *turn, args string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	if args == "" {
		zone := user.Location(t.zone)
		text := plain(fmt.Sprintf("🕒 Your time zone is %s, where it is %s. To change it, send a city or a zone, such as /timezone Lisbon or /timezone America/New_York, or share your location.", zoneLabel(zone.String()), t.clock.Now().In(zone).Format("15:04")))
		_, err := t.courier.say(ctx, t.chat, chatMessage{text: text, locate: "📍 Share my location"})
		t.boards.put(t.from.ID)
		return err
	}
	args = livingIn.ReplaceAllString(oneLine(args), "")
	if name, city, ok := zoneAtOffset(args); ok {
		return t.setZone(ctx, name, city)
	}
	places := t.distinct(zonesCalled(args))
	if len(places) == 0 {
		if name, ok := zoneNamed(args); ok {
			return t.setZone(ctx, name, "")
		}
		if places = t.distinct(t.atlas.named(args)); len(places) == 1 && !places[0].called(args) {
			return t.askZone(ctx, plain("Is this it?"), places) // Mars is no Marseille
		}
	}
	switch len(places) {
	case 0:
	case 1:
		return t.setZone(ctx, places[0].zone, places[0].name)
	default:
		return t.askZone(ctx, plain("There are several; which one?"), places)
	}
	if name, ok := zoneAfter(args); ok {
		return t.setZone(ctx, name, "")
	}
	// "Lisbon, Portugal" is Lisbon, and "Paris, Texas" is not Paris.
	if city, _, divided := strings.Cut(args, ","); divided {
		if places := t.distinct(t.atlas.named(city)); len(places) > 0 {
			return t.askZone(ctx, plain("Is this it?"), places)
		}
	}
	return t.say(ctx, plain("I know no time zone “"+cut(args, 60)+"”. Send a big city near you (/timezone Lisbon), a zone (/timezone America/New_York) or an offset (/timezone UTC+2), or share your location."))
}

// livingIn is what stands before a place in a sentence.
var livingIn = regexp.MustCompile(`(?i)^(?:i\s+live\s+in|i\s+am\s+in|i['’]m\s+in|we\s+are\s+in|near|in|to)\s+`)

// tooFar is the distance from every known city beyond which none says
// anything, in kilometres.
const tooFar = 1500

// located answers a shared location. The nearest city has the right time zone
// as a rule, and a wrong one near some borders, so the person decides.
func located(ctx context.Context, t *turn, at point) error {
	t.boards.put(t.from.ID) // it came by the button, which an earlier process may have shown
	near := t.atlas.near(at)
	if len(near) == 0 || near[0].far > tooFar {
		return t.say(ctx, plain("That is far from every city I know. Send your zone, such as /timezone Pacific/Auckland, or an offset: /timezone UTC-3."))
	}
	nearest := near[0]
	var places []place
	for _, found := range near {
		if found.far <= 2*nearest.far+150 {
			places = append(places, found.place)
		}
	}
	text := plain(fmt.Sprintf("📍 The nearest city I know is %s, about %.0f km away. Is this your time zone? I do not keep the place.", nearest.name, nearest.far))
	return t.askZone(ctx, text, t.distinct(places))
}

// mostZones is how many time zones a question offers.
const mostZones = 4

// askZone lets the person choose a time zone by what its clocks show.
func (t *turn) askZone(ctx context.Context, question richText, places []place) error {
	var rows [][]button
	for _, place := range places[:min(len(places), mostZones)] {
		zone, err := time.LoadLocation(place.zone)
		if err != nil {
			continue // a zone this machine does not know
		}
		label := fmt.Sprintf("🕒 %s · %s (%s)", t.clock.Now().In(zone).Format("15:04"), place.name, place.zone)
		rows = append(rows, []button{press(label, "zone", place.zone)})
	}
	return t.say(ctx, question, append(rows, []button{press("None of these", "nozone")})...)
}

// distinct leaves out places whose clocks agree with those of one before them,
// in winter and in summer.
func (t *turn) distinct(places []place) []place {
	now := t.clock.Now()
	type clocks struct{ now, inHalfAYear int }
	seen := map[clocks]bool{}
	var out []place
	for _, place := range places {
		zone, err := time.LoadLocation(place.zone)
		if err != nil {
			continue
		}
		var show clocks
		_, show.now = now.In(zone).Zone()
		_, show.inHalfAYear = now.AddDate(0, 6, 0).In(zone).Zone()
		if !seen[show] {
			seen[show] = true
			out = append(out, place)
		}
	}
	return out
}

// pressedZone is the choice of a time zone.
func pressedZone(ctx context.Context, t *turn, args []string) error {
	name, ok := zoneNamed(args[0])
	if !ok {
		return errStale
	}
	return t.setZone(ctx, name, "")
}

func noZone(ctx context.Context, t *turn, _ []string) error {
	return t.show(ctx, plain("Then send a big city near you (/timezone Lisbon), a zone (/timezone America/New_York) or an offset (/timezone UTC+2)."))
}

// setZone sets the person's time zone, and says which place it was found by.
func (t *turn) setZone(ctx context.Context, name, place string) error {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return fmt.Errorf("time zone of a known place: %w", err)
	}
	if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnTimeZone: name}); err != nil {
		return err
	}
	by, tail := "", ""
	switch {
	case place != "" && place != zoneCity(name):
		by = ", as " + place + " has it"
	case strings.HasPrefix(name, "Etc/"):
		tail = " It has no summer time; a city's has, such as /timezone Lisbon."
	}
	text := plain(fmt.Sprintf("🕒 Your time zone is %s now%s, where it is %s. Dates already scheduled stay as they are.%s", zoneLabel(name), by, t.clock.Now().In(zone).Format("15:04"), tail))
	if t.toast == nil || t.boards.up(t.from.ID) {
		// The button that shares a place goes away with a message of its own.
		t.boards.take(t.from.ID)
		if t.toast != nil {
			if err := t.replace(ctx, t.message, plain("🕒 "+zoneLabel(name)+" it is.")); err != nil {
				return err
			}
		}
		_, err = t.courier.say(ctx, t.chat, chatMessage{text: text, located: true})
		return err
	}
	return t.show(ctx, text)
}

// boards are the people who have the button that shares a place in front of
// them. Telegram leaves it there until a message takes it away. It is kept in
// memory: after a restart the button stays until they set their zone with it.
type boards struct {
	mu     sync.Mutex
	people map[int64]bool
}

func (b *boards) put(person int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.people == nil {
		b.people = map[int64]bool{}
	}
	b.people[person] = true
}

func (b *boards) up(person int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.people[person]
}

// take reports whether there is one to be taken away, and forgets it.
func (b *boards) take(person int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.people[person]
	delete(b.people, person)
	return was
}

// zoneNamed finds a time zone by its name, in any case.
func zoneNamed(text string) (string, bool) {
	text = strings.NewReplacer(" / ", "/", " /", "/", "/ ", "/").Replace(strings.TrimSpace(text))
	return firstZone(text, strings.ToUpper(text), titled(text))
}

// zoneAfter finds a time zone by a city it is named after, also by names of
// earlier times.
func zoneAfter(city string) (string, bool) {
	var names []string
	for _, region := range []string{"Europe", "America", "Asia", "Africa", "Australia", "Pacific", "Atlantic", "Indian", "America/Argentina", "America/Indiana"} {
		names = append(names, region+"/"+titled(strings.TrimSpace(city)))
	}
	return firstZone(names...)
}

// noZones are names that lead to something among the zones that is none.
var noZones = regexp.MustCompile(`(?i)^(?:local|localtime|factory|posixrules|posix/.*|right/.*)$`)

// firstZone is the first of the names that is a time zone's.
func firstZone(names ...string) (string, bool) {
	for _, name := range names {
		if name == "" || strings.HasPrefix(name, ".") || strings.Contains(name, "..") || noZones.MatchString(name) {
			continue
		}
		if _, err := time.LoadLocation(name); err == nil {
			return name, true
		}
	}
	return "", false
}

// titled writes a place as the tz database does: "new york" as "New_York".
func titled(text string) string {
	start := true
	return strings.Map(func(r rune) rune {
		if r == ' ' {
			r = '_'
		}
		begins := start
		start = r == '_' || r == '/' || r == '-'
		if begins {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, text)
}
