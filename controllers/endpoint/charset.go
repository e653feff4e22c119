package endpoint

import (
	"mime"
	"regexp"
	"strings"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// toUTF8 decodes a body by its byte order mark, else by the charset of the
// Content-Type, else by the XML declaration, else as UTF-8. That is the order of RFC
// 7303, section 3. It does not check UTF-8; the XML decoder does.
func toUTF8(body []byte, contentType string) ([]byte, error) {
	label := declaredCharset(body, contentType)
	declared, name := charset.Lookup(label)
	if declared == nil {
		return nil, &MalformedError{"the endpoint's answer declares a charset that is not known"}
	}
	if name == "utf-8" {
		declared = encoding.Nop
	}
	text, _, err := transform.Bytes(unicode.BOMOverride(declared.NewDecoder()), body)
	if err != nil {
		return nil, &MalformedError{"the endpoint's answer is not in the charset that it declares"}
	}
	return text, nil
}

var xmlDeclaration = regexp.MustCompile(`^\s*<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']`)

func declaredCharset(body []byte, contentType string) string {
	if _, parameters, err := mime.ParseMediaType(contentType); err == nil && parameters["charset"] != "" {
		return parameters["charset"]
	}
	if declaration := xmlDeclaration.FindSubmatch(body); declaration != nil {
		return strings.TrimSpace(string(declaration[1]))
	}
	return "utf-8"
}
