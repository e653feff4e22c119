package endpoint

import (
	"regexp"
	"strconv"
	"strings"
)

// xmlSpace is the white space of XML.
const xmlSpace = " \t\r\n"

// collapse trims white space and makes each run of it one space, as the types of the
// endpoint's schema do.
func collapse(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(xmlSpace, r) })
	return strings.Join(words, " ")
}

var integer = regexp.MustCompile(`^\+?[0-9]+$`)

// parseInteger reads the schema's nonNegativeInteger. A number too large for an int64
// becomes the largest one, which every caller refuses or bounds.
func parseInteger(text string) (int64, bool) {
	if !integer.MatchString(text) {
		return 0, false
	}
	value, _ := strconv.ParseInt(text, 10, 64)
	return value, true
}
