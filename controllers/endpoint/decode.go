package endpoint

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
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
func (d document) mayGrant() bool { return isDocumented(d.root) }

func isDocumented(root xml.Name) bool {
	return root == xml.Name{Local: "documents_response"} || root == xml.Name{Local: "billings_response"}
}

// element stands right under the root. Comments and CDATA are no borders in its text.
type element struct {
	XMLName xml.Name
	Text    string     `xml:",chardata"`
	Inside  []struct{} `xml:",any"`
}

type elements struct {
	XMLName xml.Name
	All     []element `xml:",any"`
}

// decode reads the body of an answer. The error is an *UnavailableError if the body
// is truncated, otherwise a *MalformedError; errWebPage for the page of something in
// between.
func decode(body []byte, contentType string) (document, error) {
	text, certain := toUTF8(body, contentType)
	var read elements
	err := readXML(text, certain, &read)
	isPage := !isDocumented(read.XMLName) && looksLikePage(text, contentType)
	if err != nil && isPage || strings.EqualFold(read.XMLName.Local, "html") {
		return document{}, errWebPage
	}
	if err != nil {
		return document{}, err
	}
	doc, err := read.document()
	if err == nil && isPage && len(doc.fields) == 0 {
		return document{}, errWebPage
	}
	return doc, err
}

var (
	errTruncated   = &UnavailableError{"the endpoint's answer ends too early"}
	errTrailing    = &MalformedError{"the endpoint's answer goes on after its root element"}
	errNotXML      = &MalformedError{"the endpoint's answer is not XML"}
	errDoctype     = &MalformedError{"the endpoint's answer has a DOCTYPE, which is refused"}
	errDeclaration = &MalformedError{"the endpoint's answer has an XML declaration that is not at its beginning"}
	errWebPage     = &MalformedError{"the endpoint's answer is a web page, not its XML document: check the operator's --endpoint-url and what is between"}
	errVersion     = &MalformedError{"the endpoint's answer is declared as another version of XML than 1.0, in its XML declaration"}
	errCharset     = &MalformedError{"the endpoint's answer is declared to be in a charset that is not known, in its XML declaration"}
)

// readXML fills a struct from a text that is one XML document and nothing else.
func readXML(text []byte, certain bool, into any) error {
	switch beginning := bytes.TrimLeft(text, xmlSpace); {
	case len(beginning) == 0:
		return &MalformedError{"the endpoint's answer is empty"}
	case beginning[0] != '<':
		return errNotXML
	}
	raw := xml.NewDecoder(bytes.NewReader(text))
	raw.CharsetReader = charsetReader(certain)
	decoder := xml.NewTokenDecoder(&guard{raw: raw})
	if err := decoder.Decode(into); err != nil {
		return explainXML(err)
	}
	return nothingFollows(decoder)
}

// guard refuses what the decoder would skip over. It sees what is read: in the bytes a
// declared charset may spell it otherwise, and a comment or CDATA may quote it.
type guard struct {
	raw     *xml.Decoder
	begun   bool // there was more than white space
	hasRoot bool
}

// Token implements xml.TokenReader.
func (g *guard) Token() (xml.Token, error) {
	token, err := g.raw.RawToken()
	switch t := token.(type) {
	case xml.StartElement:
		g.hasRoot = true
	case xml.CharData:
		if len(bytes.Trim(t, xmlSpace)) == 0 {
			return token, err
		}
		if !g.hasRoot {
			return nil, errNotXML
		}
	case xml.Directive:
		return nil, errDoctype
	case xml.ProcInst:
		if t.Target == "xml" && g.begun { // it could change the charset on the way
			return nil, errDeclaration
		}
	}
	g.begun = true
	return token, err
}

func explainXML(err error) error {
	var syntax *xml.SyntaxError
	var refused *MalformedError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, io.EOF), errors.As(err, &syntax) && strings.HasPrefix(syntax.Msg, "unexpected EOF"):
		return errTruncated
	case strings.Contains(err.Error(), "unsupported version"): // there is no type for it
		return errVersion
	}
	return &MalformedError{"the endpoint's answer is not well-formed XML"}
}

// nothingFollows allows space and comments after the root.
func nothingFollows(decoder *xml.Decoder) error {
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errDoctype):
			return err
		}
		text, isText := token.(xml.CharData)
		_, isComment := token.(xml.Comment)
		if !isComment && (!isText || len(bytes.Trim(text, xmlSpace)) > 0) {
			return errTrailing
		}
	}
}

// document keeps the elements of the document's "Response Information". Only a
// message, which is for people, may contain markup: in the others it could hide what
// is meant.
func (e elements) document() (document, error) {
	doc := document{root: e.XMLName, fields: map[string]string{}}
	for _, child := range e.All {
		name := child.XMLName.Local
		isOurs := child.XMLName.Space == "" || child.XMLName.Space == e.XMLName.Space
		if !isOurs || !slices.Contains([]string{"status", "message", "url", "expire"}, name) {
			continue
		}
		if _, isSecond := doc.fields[name]; isSecond {
			return document{}, &MalformedError{"the endpoint's answer has more than one " + name}
		}
		if len(child.Inside) > 0 && name != "message" {
			return document{}, &MalformedError{"the " + name + " in the endpoint's answer has elements inside"}
		}
		doc.fields[name] = collapse(child.Text)
	}
	return doc, nil
}

// xmlSpace is the white space of XML.
const xmlSpace = " \t\r\n"

// collapse trims white space and makes each run of it one space, as the types of the
// endpoint's schema do.
func collapse(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(xmlSpace, r) })
	return strings.Join(words, " ")
}

// parseInteger reads the schema's nonNegativeInteger. A number too large for an int64
// becomes the largest one, which every caller refuses or bounds.
func parseInteger(text string) (int64, bool) {
	value, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 63)
	return int64(value), err == nil || errors.Is(err, strconv.ErrRange)
}
