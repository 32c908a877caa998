package bot

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

// readDotenv reads settings from a file of lines NAME=value. An absent file has
// none. Errors say what to do and quote nothing of the file, which may hold
// secrets.
func readDotenv(name string) (map[string]string, error) {
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s may not be read by the user this runs as; change its owner or its mode, or take it away", name)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", name, reason(err))
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // as some editors begin a file
	values, err := godotenv.UnmarshalBytes(data)
	if err == nil {
		return values, nil
	}
	number := 1
	for line := range bytes.Lines(data) {
		if _, err := godotenv.UnmarshalBytes(line); err != nil {
			break
		}
		number++
	}
	return nil, fmt.Errorf("%s cannot be understood from line %d on; it takes lines of the form NAME=value, with quotes around values that have spaces", name, number)
}

// reason is the cause of a file's error, without the path that stands before
// it in the sentence.
func reason(err error) error {
	var wrapped *fs.PathError
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// settingNames are the variables that configure the service.
func settingNames() []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := field.Tag.Get("env"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// missingWords is how many of the words of a name another one has not.
func missingWords(name, other string) (missing int) {
	there := strings.Split(other, "_")
	for word := range strings.SplitSeq(name, "_") {
		if !slices.Contains(there, word) {
			missing++
		}
	}
	return missing
}

// misspelt tells of variables that look like settings and are none: most
// likely what they say was meant to count.
func misspelt(values map[string]string) []string {
	known := settingNames()
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(known, name) {
			continue
		}
		upper := strings.ToUpper(name) // names of settings are in capitals
		meant := slices.MinFunc(known, func(a, b string) int {
			return cmp.Or(missingWords(upper, a)-missingWords(upper, b), editDistance(upper, a)-editDistance(upper, b))
		})
		family, _, _ := strings.Cut(upper, "_")
		if editDistance(upper, meant) <= 2 && len(name) > 6 || slices.Contains([]string{"TELEGRAM", "INSFORGE", "LLM"}, family) {
			notes = append(notes, fmt.Sprintf("%s is set, and there is no such setting; did you mean %s?", name, meant))
		}
	}
	return notes
}

// userinfo finds the password in the address of a proxy.
var userinfo = regexp.MustCompile(`(?i)^(?:https?|all)_proxy=.*?//[^/@:]*:([^/@]+)@`)

// proxyPasswords are the passwords of the proxies that package net/http takes
// from the environment. Its errors quote an address that it cannot read.
func proxyPasswords(environ []string) []Secret {
	var passwords []Secret
	for _, variable := range environ {
		if m := userinfo.FindStringSubmatch(variable); m != nil {
			passwords = append(passwords, Secret(m[1]))
		}
	}
	return passwords
}
