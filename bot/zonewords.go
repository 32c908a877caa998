package bot

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// zoneWords are what people call time zones and countries, with the zones that
// may be meant. The tz database has some of the abbreviations, with meanings of
// its own: its EST never changes to summer time. Of a country with several
// zones the largest are offered.
var zoneWords = map[string]string{
	"z": "UTC", "zulu": "UTC", "wet": "Europe/Lisbon", "west": "Europe/Lisbon", "cet": "Europe/Berlin", "cest": "Europe/Berlin", "met": "Europe/Berlin", "mez": "Europe/Berlin", "mesz": "Europe/Berlin",
	"eet": "Europe/Athens", "eest": "Europe/Athens", "trt": "Europe/Istanbul", "msk": "Europe/Moscow", "bst": "Europe/London Asia/Dhaka", "ist": "Asia/Kolkata Asia/Jerusalem Europe/Dublin",
	"est": "America/New_York", "edt": "America/New_York", "et": "America/New_York", "eastern": "America/New_York",
	"cst": "America/Chicago Asia/Shanghai", "cdt": "America/Chicago", "ct": "America/Chicago", "central": "America/Chicago",
	"mst": "America/Denver America/Phoenix", "mdt": "America/Denver", "mt": "America/Denver", "mountain": "America/Denver America/Phoenix",
	"pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles", "pacific": "America/Los_Angeles", "bayarea": "America/Los_Angeles", "siliconvalley": "America/Los_Angeles",
	"akst": "America/Anchorage", "akdt": "America/Anchorage", "hst": "Pacific/Honolulu", "ast": "America/Halifax Asia/Riyadh", "adt": "America/Halifax", "nst": "America/St_Johns",
	"brt": "America/Sao_Paulo", "art": "America/Argentina/Buenos_Aires", "clt": "America/Santiago", "cot": "America/Bogota",
	"sast": "Africa/Johannesburg", "wat": "Africa/Lagos", "eat": "Africa/Nairobi", "cat": "Africa/Maputo", "gst": "Asia/Dubai", "pkt": "Asia/Karachi", "ict": "Asia/Bangkok", "wib": "Asia/Jakarta",
	"sgt": "Asia/Singapore", "hkt": "Asia/Hong_Kong", "pht": "Asia/Manila", "jst": "Asia/Tokyo", "kst": "Asia/Seoul",
	"awst": "Australia/Perth", "acst": "Australia/Darwin Australia/Adelaide", "aest": "Australia/Sydney Australia/Brisbane", "aedt": "Australia/Sydney", "nzst": "Pacific/Auckland", "nzdt": "Pacific/Auckland", "nzt": "Pacific/Auckland",

	"uk": "Europe/London", "unitedkingdom": "Europe/London", "greatbritain": "Europe/London", "england": "Europe/London", "scotland": "Europe/London", "ireland": "Europe/Dublin", "germany": "Europe/Berlin", "deutschland": "Europe/Berlin",
	"austria": "Europe/Vienna", "switzerland": "Europe/Zurich", "france": "Europe/Paris", "italy": "Europe/Rome", "netherlands": "Europe/Amsterdam", "belgium": "Europe/Brussels", "spain": "Europe/Madrid Atlantic/Canary", "portugal": "Europe/Lisbon Atlantic/Azores",
	"denmark": "Europe/Copenhagen", "norway": "Europe/Oslo", "sweden": "Europe/Stockholm", "finland": "Europe/Helsinki", "estonia": "Europe/Tallinn", "latvia": "Europe/Riga", "lithuania": "Europe/Vilnius", "poland": "Europe/Warsaw",
	"czechia": "Europe/Prague", "slovakia": "Europe/Bratislava", "hungary": "Europe/Budapest", "romania": "Europe/Bucharest", "bulgaria": "Europe/Sofia", "greece": "Europe/Athens", "turkey": "Europe/Istanbul", "ukraine": "Europe/Kyiv", "serbia": "Europe/Belgrade", "croatia": "Europe/Zagreb",
	"russia": "Europe/Moscow Asia/Yekaterinburg Asia/Novosibirsk Asia/Vladivostok", "israel": "Asia/Jerusalem", "uae": "Asia/Dubai", "saudiarabia": "Asia/Riyadh", "georgia": "Asia/Tbilisi America/New_York", "armenia": "Asia/Yerevan",
	"india": "Asia/Kolkata", "pakistan": "Asia/Karachi", "bangladesh": "Asia/Dhaka", "nepal": "Asia/Kathmandu", "srilanka": "Asia/Colombo", "thailand": "Asia/Bangkok", "vietnam": "Asia/Ho_Chi_Minh", "indonesia": "Asia/Jakarta Asia/Makassar Asia/Jayapura",
	"malaysia": "Asia/Kuala_Lumpur", "philippines": "Asia/Manila", "china": "Asia/Shanghai", "taiwan": "Asia/Taipei", "japan": "Asia/Tokyo", "korea": "Asia/Seoul", "southkorea": "Asia/Seoul", "日本": "Asia/Tokyo", "東京": "Asia/Tokyo", "北京": "Asia/Shanghai", "上海": "Asia/Shanghai",
	"australia": "Australia/Sydney Australia/Brisbane Australia/Adelaide Australia/Perth", "newzealand": "Pacific/Auckland", "usa": "America/New_York America/Chicago America/Denver America/Los_Angeles", "us": "America/New_York America/Chicago America/Denver America/Los_Angeles",
	"canada": "America/Toronto America/Winnipeg America/Edmonton America/Vancouver", "mexico": "America/Mexico_City America/Cancun America/Tijuana", "brazil": "America/Sao_Paulo America/Manaus", "argentina": "America/Argentina/Buenos_Aires",
	"chile": "America/Santiago", "colombia": "America/Bogota", "peru": "America/Lima", "nigeria": "Africa/Lagos", "kenya": "Africa/Nairobi", "southafrica": "Africa/Johannesburg", "egypt": "Africa/Cairo", "morocco": "Africa/Casablanca",
	"مصر": "Africa/Cairo", "السعودية": "Asia/Riyadh", "المغرب": "Africa/Casablanca", "الامارات": "Asia/Dubai", "ישראל": "Asia/Jerusalem", "भरत": "Asia/Kolkata",
	"한국": "Asia/Seoul", "中国": "Asia/Shanghai", "台灣": "Asia/Taipei", "ελλαδα": "Europe/Athens", "украіна": "Europe/Kyiv", "россия": "Europe/Moscow Asia/Yekaterinburg Asia/Novosibirsk Asia/Vladivostok",
	"espana": "Europe/Madrid Atlantic/Canary", "brasil": "America/Sao_Paulo America/Manaus", "italia": "Europe/Rome", "osterreich": "Europe/Vienna", "schweiz": "Europe/Zurich", "polska": "Europe/Warsaw",
	"turkiye": "Europe/Istanbul", "suomi": "Europe/Helsinki", "sverige": "Europe/Stockholm", "norge": "Europe/Oslo", "danmark": "Europe/Copenhagen", "nederland": "Europe/Amsterdam",

	// The states of the USA, by their larger part.
	"connecticut": "America/New_York", "delaware": "America/New_York", "maine": "America/New_York", "maryland": "America/New_York", "massachusetts": "America/New_York", "newhampshire": "America/New_York",
	"newjersey": "America/New_York", "northcarolina": "America/New_York", "ohio": "America/New_York", "pennsylvania": "America/New_York", "rhodeisland": "America/New_York", "southcarolina": "America/New_York",
	"vermont": "America/New_York", "virginia": "America/New_York", "westvirginia": "America/New_York", "alabama": "America/Chicago", "arkansas": "America/Chicago", "illinois": "America/Chicago",
	"iowa": "America/Chicago", "louisiana": "America/Chicago", "minnesota": "America/Chicago", "mississippi": "America/Chicago", "missouri": "America/Chicago", "oklahoma": "America/Chicago",
	"wisconsin": "America/Chicago", "colorado": "America/Denver", "montana": "America/Denver", "newmexico": "America/Denver", "utah": "America/Denver", "wyoming": "America/Denver",
	"california": "America/Los_Angeles", "nevada": "America/Los_Angeles", "florida": "America/New_York America/Chicago", "indiana": "America/New_York America/Chicago", "kentucky": "America/New_York America/Chicago", "michigan": "America/New_York America/Chicago",
	"tennessee": "America/Chicago America/New_York", "texas": "America/Chicago America/Denver", "kansas": "America/Chicago America/Denver", "nebraska": "America/Chicago America/Denver", "northdakota": "America/Chicago America/Denver", "southdakota": "America/Chicago America/Denver",
	"idaho": "America/Denver America/Los_Angeles", "oregon": "America/Los_Angeles America/Denver", "arizona": "America/Phoenix", "alaska": "America/Anchorage", "hawaii": "Pacific/Honolulu",
}

// zonesCalled are the places that stand for the zones of that name.
func zonesCalled(name string) []place {
	var places []place
	for zone := range strings.FieldsSeq(zoneWords[placeKey(name)]) {
		places = append(places, place{name: zoneCity(zone), zone: zone})
	}
	return places
}

// zoneCity is the city that a zone is named after.
func zoneCity(zone string) string {
	return strings.ReplaceAll(zone[strings.LastIndex(zone, "/")+1:], "_", " ")
}

// zoneLabel is a zone as people read it. The names that the tz database has for
// whole hours from UTC count the other way round.
func zoneLabel(zone string) string {
	if hours, ok := strings.CutPrefix(zone, "Etc/GMT"); ok && len(hours) > 1 {
		return "UTC" + strings.NewReplacer("+", "-", "-", "+").Replace(hours)
	}
	return zone
}

// offsetForm is "UTC+2", "GMT-3:30" or "+0530".
var offsetForm = regexp.MustCompile(`(?i)^(?:utc|gmt)?\s*([+\-−–])\s*(\d{1,2})(?:[:.]?([0-5]\d))?(?:\s*h(?:ours?)?)?$`)

// broken are the zones that differ from UTC by no whole hours, by what they
// show in winter. The tz database has no names for these but those of cities.
var broken = map[string]string{
	"+3:30": "Asia/Tehran", "+4:30": "Asia/Kabul", "+5:30": "Asia/Kolkata", "+5:45": "Asia/Kathmandu", "+6:30": "Asia/Yangon", "+8:45": "Australia/Eucla",
	"+9:30": "Australia/Darwin", "+10:30": "Australia/Lord_Howe", "+12:45": "Pacific/Chatham", "-3:30": "America/St_Johns", "-9:30": "Pacific/Marquesas",
}

// zoneAtOffset is the zone so far from UTC, and the city it is named after
// where it has a city's.
func zoneAtOffset(text string) (zone, city string, ok bool) {
	found := offsetForm.FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		return "", "", false
	}
	sign, inverse := "+", "-"
	if found[1] != "+" {
		sign, inverse = inverse, sign
	}
	hours, _ := strconv.Atoi(found[2]) // at most two digits
	switch {
	case strings.Trim(found[3], "0") != "":
		zone = broken[sign+strconv.Itoa(hours)+":"+found[3]]
		return zone, zoneCity(zone), zone != ""
	case hours == 0:
		return "UTC", "", true
	}
	zone = "Etc/GMT" + inverse + strconv.Itoa(hours)
	_, err := time.LoadLocation(zone)
	return zone, "", err == nil
}
