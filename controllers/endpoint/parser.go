package endpoint

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// elements are those of the document's "Response Information". Only a message, which
// is for people, may contain markup: in the others it could hide what is meant.
var elements = map[string]struct{ markup bool }{
	"status":  {},
	"message": {markup: true},
	"url":     {},
	"expire":  {},
}

// parser collects the text of the elements right under the root.
type parser struct {
	root    xml.Name
	fields  map[string]*strings.Builder
	current string // the element that we are in, if we read it, or ""
	depth   int    // the number of open elements
	begun   bool   // anything but white space has been read
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
		if kind := bytes.Fields(token); len(kind) > 1 && isHTML(string(kind[1])) {
			return errWebPage
		}
		return &MalformedError{"the endpoint's answer has a DOCTYPE, which is refused"}
	}
	return nil
}

func (p *parser) start(name xml.Name) error {
	switch {
	case p.closed:
		return errTrailing
	case p.depth == 0 && isHTML(name.Local):
		return errWebPage
	case p.depth == 0:
		p.root = name
	case p.depth == 1 && (name.Space == "" || name.Space == p.root.Space):
		if err := p.enter(name.Local); err != nil {
			return err
		}
	case p.current != "" && !elements[p.current].markup:
		return &MalformedError{"the " + p.current + " in the endpoint's answer has elements inside"}
	}
	p.depth++
	return nil
}

func isHTML(name string) bool { return strings.EqualFold(name, "html") }

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

// instruction ignores what is meant for other programs. It refuses an XML declaration
// in the middle, which starts a second document, and anything after the root.
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
		return document{}, errTruncated
	}
	doc := document{root: p.root, fields: map[string]string{}}
	for name, text := range p.fields {
		doc.fields[name] = collapse(text.String())
	}
	return doc, nil
}

func isSpace(token xml.Token) bool {
	text, ok := token.(xml.CharData)
	return ok && len(bytes.Trim(text, xmlSpace)) == 0
}
