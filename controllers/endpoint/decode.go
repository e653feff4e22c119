package endpoint

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// document holds the elements of an answer that have a meaning, by their names,
// with white space collapsed. Each is there at most once; none need be.
type document map[string]string

// elements are the names of the document's "Response Information". Whether an
// element may have others inside differs: only a message is for people.
var elements = map[string]struct{ markup bool }{
	"status":  {},
	"message": {markup: true},
	"url":     {},
	"expire":  {},
}

// roots are the two that the document gives: in its sample, and in its schema.
var roots = map[string]bool{"documents_response": true, "billings_response": true}

// decode reads the body of an answer. The error is an *UnavailableError where the
// body ends too early, and else a *MalformedError.
func decode(body []byte, contentType string) (document, error) {
	text, err := toUTF8(body, contentType)
	if err != nil {
		return nil, err
	}
	switch beginning := bytes.TrimLeft(text, xmlSpace); {
	case len(beginning) == 0:
		return nil, &MalformedError{"the endpoint's answer is empty"}
	case beginning[0] != '<':
		return nil, errNoXML
	}
	source := &source{Reader: bytes.NewReader(text)}
	tokens := xml.NewDecoder(source)
	tokens.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // done above
	parser := parser{fields: map[string]*strings.Builder{}}
	for {
		token, err := tokens.Token()
		switch {
		case errors.Is(err, io.EOF):
			return parser.document()
		case err != nil && source.exhausted && !parser.closed:
			return nil, errTruncated
		case err != nil:
			return nil, &MalformedError{"the endpoint's answer is not well-formed XML"}
		}
		if err := parser.take(token); err != nil {
			return nil, err
		}
	}
}

var errTruncated = &UnavailableError{"the endpoint's answer ends too early"}

// source knows whether somebody wanted to read beyond its end.
type source struct {
	*bytes.Reader
	exhausted bool
}

func (s *source) ReadByte() (byte, error) {
	b, err := s.Reader.ReadByte()
	s.exhausted = s.exhausted || err != nil
	return b, err
}

// parser collects the text of the elements right under the root.
type parser struct {
	fields  map[string]*strings.Builder
	current string // the element with a meaning that we are in, or ""
	depth   int    // how many elements are open
	begun   bool   // anything but space has been seen
	closed  bool   // the root has ended
}

func (p *parser) take(token xml.Token) error {
	defer func() { p.begun = p.begun || !isSpace(token) }()
	switch token := token.(type) {
	case xml.StartElement:
		return p.start(token.Name)
	case xml.EndElement:
		p.end()
	case xml.CharData:
		return p.text(token)
	case xml.ProcInst:
		return p.instruction(token)
	case xml.Directive:
		return &MalformedError{"the endpoint's answer has a DOCTYPE, which is refused"}
	}
	return nil
}

func (p *parser) start(name xml.Name) error {
	switch {
	case p.closed:
		return errTrailing
	case p.depth == 0 && (name.Space != "" || !roots[name.Local]):
		return &MalformedError{"the endpoint's answer is another document: its root is neither documents_response nor billings_response"}
	case p.depth == 1 && name.Space == "":
		if err := p.enter(name.Local); err != nil {
			return err
		}
	case p.current != "" && !elements[p.current].markup:
		return &MalformedError{"the " + p.current + " in the endpoint's answer has elements inside"}
	}
	p.depth++
	return nil
}

func (p *parser) enter(name string) error {
	if _, known := elements[name]; !known {
		return nil
	}
	if p.fields[name] != nil {
		return &MalformedError{"the endpoint's answer has more than one " + name}
	}
	p.fields[name], p.current = &strings.Builder{}, name
	return nil
}

func (p *parser) end() {
	p.depth--
	if p.depth <= 1 {
		p.current = ""
	}
	p.closed = p.depth == 0
}

func (p *parser) text(text xml.CharData) error {
	switch {
	case p.current != "":
		p.fields[p.current].Write(text)
	case p.depth > 0 || isSpace(text):
	case p.closed:
		return errTrailing
	default:
		return errNoXML
	}
	return nil
}

// instruction ignores what is meant for other programs, but lets no declaration
// stand where it does not declare the document, and nothing follow the root.
func (p *parser) instruction(token xml.ProcInst) error {
	switch {
	case p.closed:
		return errTrailing
	case p.begun && strings.EqualFold(token.Target, "xml"):
		return &MalformedError{"the endpoint's answer has an XML declaration that is not at its beginning"}
	}
	return nil
}

func (p *parser) document() (document, error) {
	if !p.closed {
		return nil, errTruncated
	}
	doc := document{}
	for name, text := range p.fields {
		doc[name] = collapse(text.String())
	}
	return doc, nil
}

var (
	errTrailing = &MalformedError{"the endpoint's answer goes on after its root element"}
	errNoXML    = &MalformedError{"the endpoint's answer is not XML"}
)

const xmlSpace = " \t\r\n"

func isSpace(token xml.Token) bool {
	text, ok := token.(xml.CharData)
	return ok && len(bytes.Trim(text, xmlSpace)) == 0
}

// collapse treats white space as the schema's types do.
func collapse(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(xmlSpace, r) })
	return strings.Join(words, " ")
}

var integer = regexp.MustCompile(`^\+?[0-9]+$`)

// parseInteger reads the schema's nonNegativeInteger. What is too large for an
// int64 gives the largest, which nothing takes for sensible.
func parseInteger(text string) (int64, bool) {
	if !integer.MatchString(text) {
		return 0, false
	}
	value, _ := strconv.ParseInt(text, 10, 64)
	return value, true
}
