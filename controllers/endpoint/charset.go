package endpoint

import (
	"bytes"
	"io"
	"mime"
	"regexp"
	"strings"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/transform"
)

// toUTF8 decodes a body by its byte order mark, else by the charset of the
// Content-Type. It is not certain of the text if neither is there: then the XML
// declaration counts. That is the order of RFC 7303, section 3.
func toUTF8(body []byte, contentType string) (text []byte, certain bool) {
	declared, name, certain := charset.DetermineEncoding(body, contentType)
	if certain && name != "utf-8" { // which the XML decoder checks
		body, _ = declared.NewDecoder().Bytes(body)
	}
	return bytes.TrimPrefix(body, []byte("\ufeff")), certain
}

// charsetReader is the xml.Decoder's for what its declaration says.
func charsetReader(certain bool) func(label string, in io.Reader) (io.Reader, error) {
	return func(label string, in io.Reader) (io.Reader, error) {
		declared, name := charset.Lookup(label)
		switch {
		case certain, strings.HasPrefix(name, "utf-16"): // which nobody could have read so far
			return in, nil
		case declared == nil:
			return nil, errCharset
		}
		return transform.NewReader(in, declared.NewDecoder()), nil
	}
}

var pageBeginning = regexp.MustCompile(`(?is)^\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*` +
	`<(?:!doctype\s+html|html|head|title|meta|link|script|style|body|h[1-6]|center|div|font|p|br|hr|b|table|iframe)\b`)

// looksLikePage reports whether a text is a web page by its first tag, or says that it
// is one. Endpoints also send XML as text/html.
func looksLikePage(text []byte, contentType string) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	isHTML := kind == "text/html" || kind == "application/xhtml+xml"
	return isHTML && len(bytes.TrimSpace(text)) > 0 || pageBeginning.Match(text)
}
