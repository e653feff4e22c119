package endpoint

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// layers is how many encodings over one another are looked through.
const layers = 2

// anyReading says whether holds is true of the text, or of what it becomes when
// one or two encodings are undone, with spaces gone and case folded.
func anyReading(text string, holds func(reading string) bool) bool {
	return anyDecoding(compact(text), layers, holds)
}

func anyDecoding(text string, layers int, holds func(string) bool) bool {
	if holds(squash(text)) {
		return true
	}
	if layers == 0 {
		return false
	}
	for _, decode := range decodings {
		if decoded := decode(text); decoded != text && anyDecoding(decoded, layers-1, holds) {
			return true
		}
	}
	return false
}

// decodings undo an encoding wherever it occurs, and leave the rest alone.
var decodings = []func(string) string{
	unpercent,
	html.UnescapeString,
	unescape,
	unbase64(0), unbase64(1), unbase64(2), unbase64(3), // a run may begin with a word before it
	unhex(0), unhex(1),
}

// compact drops white space, by which encodings may be split over lines.
func compact(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

// squash brings together what a person reads as the same, and the plus by which
// forms write a space.
func squash(text string) string {
	text = norm.NFKC.String(strings.ToValidUTF8(text, ""))
	return strings.Map(func(r rune) rune {
		if r == '+' || unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

var percent = regexp.MustCompile(`(?:%[0-9a-fA-F]{2})+`)

func unpercent(text string) string {
	return percent.ReplaceAllStringFunc(text, func(run string) string {
		decoded, err := url.PathUnescape(run)
		if err != nil {
			return run
		}
		return decoded
	})
}

// escape is how a character is written in the strings of JSON and of most
// programming languages.
var escape = regexp.MustCompile(`\\u\{[0-9a-fA-F]{1,6}\}|[\\%]u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\[0-7]{3}|\\.`)

func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(sequence string) string {
		switch mark := sequence[1]; {
		case len(sequence) == 2:
			return sequence[1:]
		case mark == 'x':
			code, _ := strconv.ParseUint(sequence[2:], 16, 8)
			return string([]byte{byte(code)})
		case mark == 'u' || mark == 'U':
			code, _ := strconv.ParseUint(strings.Trim(sequence[2:], "{}"), 16, 32)
			return string(rune(code))
		}
		code, _ := strconv.ParseUint(sequence[1:], 8, 16)
		return string([]byte{byte(code)})
	})
}

var (
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{4,}`)
	toBase64  = strings.NewReplacer("-", "+", "_", "/")
)

// unbase64 decodes each run of the alphabet from its offset on, padded or not.
func unbase64(offset int) func(string) string {
	return func(text string) string {
		return base64Run.ReplaceAllStringFunc(text, func(run string) string {
			encoded := toBase64.Replace(run[offset:])
			if len(encoded)%4 == 1 {
				encoded = encoded[:len(encoded)-1]
			}
			decoded, _ := base64.RawStdEncoding.DecodeString(encoded)
			return run[:offset] + string(decoded)
		})
	}
}

var (
	hexRun     = regexp.MustCompile(`[0-9a-fA-F]{4,}`)
	hexJoining = strings.NewReplacer("0x", "", ":", "", "-", "", ",", "")
)

// unhex decodes each run of digits from its offset on, also of separated bytes.
func unhex(offset int) func(string) string {
	return func(text string) string {
		return hexRun.ReplaceAllStringFunc(hexJoining.Replace(text), func(run string) string {
			digits := run[offset:]
			decoded, _ := hex.DecodeString(digits[:len(digits)/2*2])
			return run[:offset] + string(decoded)
		})
	}
}
