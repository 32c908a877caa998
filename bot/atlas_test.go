package bot

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEveryPlaceIsReadAndHasATimeZone(t *testing.T) {
	t.Parallel()
	all := newAtlas()
	require.Len(t, all, strings.Count(placesFile, "\n"))
	seen := map[string]bool{}
	for _, p := range all {
		_, err := time.LoadLocation(p.zone)
		require.NoError(t, err, p.name)
		require.NotEmpty(t, p.keys[0])
		require.LessOrEqual(t, len(press("", "zone", p.zone).data), maxData)
		require.True(t, p.at.latitude > -90 && p.at.latitude < 90 && p.at.longitude >= -180 && p.at.longitude <= 180 && p.at != point{}, p.name)
		require.False(t, seen[p.name+p.zone], "%s stands there twice", p.name)
		seen[p.name+p.zone] = true
	}
}

func TestPlacesByName(t *testing.T) {
	t.Parallel()
	all := newAtlas()
	for name, zones := range map[string]string{
		"Munich": "Europe/Berlin", "münchen": "Europe/Berlin", "Muenchen": "Europe/Berlin", "Zuerich": "Europe/Zurich", "new york": "America/New_York", "NYC": "America/New_York",
		"são paulo": "America/Sao_Paulo", "Lodz": "", "wroclaw": "Europe/Warsaw", "st. petersburg": "Europe/Moscow", "Москва": "Europe/Moscow",
		"San Jose": "America/Costa_Rica America/Los_Angeles", "Portland": "America/Los_Angeles America/New_York",
		"Birmingham": "America/Chicago Europe/London", "melb": "Australia/Melbourne", "Atlantis": "", "x": "", "…": "",
		"القاهرة": "Africa/Cairo", "الدار البيضاء": "Africa/Casablanca", "תל אביב": "Asia/Jerusalem", "मुंबई": "Asia/Kolkata", "서울": "Asia/Seoul", "香港": "Asia/Hong_Kong", "Αθήνα": "Europe/Athens", "Київ": "Europe/Kyiv",
	} {
		var found []string
		for _, p := range all.named(name) {
			found = append(found, p.zone)
		}
		require.Equal(t, zones, strings.Join(found, " "), name)
	}
}

func TestZoneWords(t *testing.T) {
	t.Parallel()
	for word, zones := range zoneWords {
		require.Equal(t, placeKey(word), word, "as it is looked up")
		for zone := range strings.FieldsSeq(zones) {
			_, err := time.LoadLocation(zone)
			require.NoError(t, err, word)
		}
	}
	require.Equal(t, []place{{name: "Chicago", zone: "America/Chicago"}, {name: "Denver", zone: "America/Denver"}}, zonesCalled("Texas"))
	require.Len(t, zonesCalled("भारत"), 1)
}

func TestTheNearestPlaceHasTheTimeZone(t *testing.T) {
	t.Parallel()
	all := newAtlas()
	for zone, at := range map[string]point{
		"Europe/Berlin":       {48.14, 11.58},
		"Europe/Madrid":       {38.88, -6.97}, // Badajoz, nearer to Lisbon than to Madrid
		"Europe/Lisbon":       {41.15, -8.61},
		"America/Los_Angeles": {47.61, -122.33},
		"America/Phoenix":     {35.19, -111.65},
		"Australia/Perth":     {-31.95, 115.86},
		"Pacific/Auckland":    {-41.29, 174.78},
		"Asia/Kolkata":        {12.97, 77.59},
		"Atlantic/Canary":     {28.46, -16.25},
		"Pacific/Fiji":        {-18.1, 178.4},
	} {
		near := all.near(at)
		require.Equal(t, zone, near[0].zone, near[0].name)
		require.Less(t, near[0].far, 50.0)
	}
	require.InDelta(t, 344, point{51.5, -0.12}.to(point{48.86, 2.35}), 2, "London to Paris")
	require.InDelta(t, 20015, point{90, 0}.to(point{-90, 77}), 1, "pole to pole")
}

func TestDistancesAreDistances(t *testing.T) {
	t.Parallel()
	spot := rapid.Custom(func(t *rapid.T) point {
		return point{rapid.Float64Range(-90, 90).Draw(t, "latitude"), rapid.Float64Range(-180, 180).Draw(t, "longitude")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := spot.Draw(t, "a"), spot.Draw(t, "b"), spot.Draw(t, "c")
		require.Zero(t, a.to(a))
		require.InDelta(t, a.to(b), b.to(a), 1e-6)
		require.LessOrEqual(t, a.to(b), a.to(c)+c.to(b)+1e-3)
		require.LessOrEqual(t, a.to(b), 20016.0)
	})
}

func TestZonesByWordsAndOffsets(t *testing.T) {
	t.Parallel()
	for word, zones := range zoneWords {
		require.Equal(t, placeKey(word), word, "as it is looked up")
		for zone := range strings.FieldsSeq(zones) {
			_, err := time.LoadLocation(zone)
			require.NoError(t, err, word)
		}
	}
	for text, want := range map[string]string{
		"UTC+3": "Etc/GMT-3", "utc +3": "Etc/GMT-3", "GMT-3": "Etc/GMT+3", "UTC−3": "Etc/GMT+3", "+2": "Etc/GMT-2", "-05:00": "Etc/GMT+5", "+0530": "Asia/Kolkata",
		"UTC+5:45": "Asia/Kathmandu", "UTC-3:30": "America/St_Johns", "UTC+0": "UTC", "utc-00:00": "UTC", "+14": "Etc/GMT-14",
		"+15": "", "UTC+5:31": "", "3": "", "+": "", "UTC": "", "+2h": "Etc/GMT-2",
	} {
		zone, _, ok := zoneAtOffset(text)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, zone, text)
			location, err := time.LoadLocation(zone)
			require.NoError(t, err)
			if strings.HasPrefix(zone, "Etc/") {
				_, east := time.Now().In(location).Zone()
				require.Equal(t, zoneLabel(zone)[3] == '+', east > 0, text)
			}
		}
	}
	require.Equal(t, "UTC+3", zoneLabel("Etc/GMT-3"))
	require.Equal(t, "Etc/GMT", zoneLabel("Etc/GMT"))
	require.Equal(t, "Europe/Berlin", zoneLabel("Europe/Berlin"))
}
