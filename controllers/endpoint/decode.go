package endpoint

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// document is an answer in XML, whatever its root.
type document struct {
	root xml.Name
	// fields maps the names of the elements that we read to their texts, with white
	// space collapsed. Each element occurs at most once, and any may be missing.
	fields map[string]string
}

// mayGrant reports whether the root is that of the endpoint's sample or that of its
// schema, which differ. A refusal is read under any root, a grant under these only: a
// URL in another document may open another page.
func (d document) mayGrant() bool {
	return d.root == xml.Name{Local: "documents_response"} || d.root == xml.Name{Local: "billings_response"}
}

// decode reads the body of an answer. The error is an *UnavailableError if the body
// is truncated, otherwise a *MalformedError.
func decode(body []byte, contentType string) (document, error) {
	text, err := toUTF8(body, contentType)
	if err != nil {
		return document{}, err
	}
	switch beginning := bytes.TrimLeft(text, xmlSpace); {
	case len(beginning) == 0:
		return document{}, &MalformedError{"the endpoint's answer is empty"}
	case beginning[0] != '<':
		return document{}, errNoXML
	}
	source := &source{Reader: bytes.NewReader(text)}
	tokens := xml.NewDecoder(source)
	tokens.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // toUTF8 has decoded it
	parser := parser{fields: map[string]*strings.Builder{}}
	for {
		token, err := tokens.Token()
		switch {
		case errors.Is(err, io.EOF):
			return parser.document()
		case err != nil && source.exhausted && !parser.closed:
			return document{}, errTruncated
		case err != nil:
			return document{}, &MalformedError{"the endpoint's answer is not well-formed XML"}
		}
		if err := parser.take(token); err != nil {
			return document{}, err
		}
	}
}

var (
	errTruncated = &UnavailableError{"the endpoint's answer ends too early"}
	errTrailing  = &MalformedError{"the endpoint's answer goes on after its root element"}
	errWebPage   = &MalformedError{"the endpoint's answer is a web page, not its XML document: check the operator's --endpoint-url and what is between"}
	errNoXML     = &MalformedError{"the endpoint's answer is not XML"}
)

// source records whether the decoder has tried to read beyond the end. If so, a
// syntax error there is a truncated answer rather than a malformed one.
type source struct {
	*bytes.Reader
	exhausted bool
}

func (s *source) ReadByte() (byte, error) {
	b, err := s.Reader.ReadByte()
	s.exhausted = s.exhausted || err != nil
	return b, err
}
