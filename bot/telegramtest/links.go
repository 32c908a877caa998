package telegramtest

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// linkEntity is what a link to the target becomes: a mention for
// tg://user?id=N, a text link for what Telegram accepts as a URL, nothing else.
func linkEntity(target string) (Entity, bool) {
	if id, ok := strings.CutPrefix(strings.ToLower(target), "tg://user?id="); ok {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil && n > 0 {
			return Entity{Type: "text_mention", User: &Person{ID: n}}, true
		}
	}
	link, err := checkLink(target)
	if err != nil {
		return Entity{}, false
	}
	return Entity{Type: "text_link", URL: link}, true
}

// checkLink is Telegram's test of a URL: http, https, tg or ton, a host with a
// dot (or an address), http assumed where no scheme stands.
func checkLink(raw string) (string, error) {
	raw = strings.TrimSpace(raw)
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		scheme, rest = "http", raw
		raw = "http://" + raw
	}
	switch strings.ToLower(scheme) {
	case "tg", "ton", "tonsite":
		return raw, nil
	case "http", "https":
	default:
		return "", errors.New("Unsupported URL protocol")
	}
	if rest == "" {
		return "", errors.New("URL host is empty")
	}
	u, err := url.Parse(raw)
	if err != nil || strings.ContainsAny(rest, " \n\t<>\"") {
		return "", errors.New("Wrong HTTP URL")
	}
	host := u.Hostname()
	if host == "" {
		return "", errors.New("URL host is empty")
	}
	if !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "", errors.New("Wrong HTTP URL")
	}
	return u.String(), nil
}

// automatic finds what Telegram makes clickable by itself: bot commands, web
// addresses and mentions.
var automatic = regexp.MustCompile(`(?:^|[\s(])(?:(/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)|(https?://[^\s<>"]*[^\s<>".,;:!?')\]}])|(@[A-Za-z][A-Za-z0-9_]{3,31}))`)

// withAutomatic adds the entities Telegram finds in a text outside the ones
// already there.
func withAutomatic(text string, entities []Entity) []Entity {
	for _, m := range automatic.FindAllStringSubmatchIndex(text, -1) {
		for group, kind := range []string{"bot_command", "url", "mention"} {
			from, to := m[2+2*group], m[3+2*group]
			if from < 0 || (kind == "bot_command" && byteAt(text, to) == '/') {
				continue
			}
			e := Entity{Type: kind, Offset: units(text[:from]), Length: units(text[from:to])}
			if !overlapsFixed(e, entities) {
				entities = append(entities, e)
			}
		}
	}
	sortEntities(entities)
	return entities
}

// overlapsFixed reports whether e touches an entity that Telegram does not
// look into.
func overlapsFixed(e Entity, entities []Entity) bool {
	for _, o := range entities {
		switch o.Type {
		case "code", "pre", "text_link", "text_mention", "url", "bot_command", "mention":
			if e.Offset < o.Offset+o.Length && o.Offset < e.Offset+e.Length {
				return true
			}
		}
	}
	return false
}
