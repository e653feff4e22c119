package standin_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/standin"
)

// schema is the part of XML Schema that test/fixtures/golden/answer.xsd uses.
type schema struct {
	Roots []struct {
		Name string `xml:"name,attr"`
		Type string `xml:"type,attr"`
	} `xml:"http://www.w3.org/2001/XMLSchema element"`
	Types []struct {
		Name     string     `xml:"name,attr"`
		Elements []particle `xml:"http://www.w3.org/2001/XMLSchema sequence>element"`
	} `xml:"http://www.w3.org/2001/XMLSchema complexType"`
}

type particle struct {
	Name      string `xml:"name,attr"`
	Type      string `xml:"type,attr"`
	MinOccurs string `xml:"minOccurs,attr"`
}

// simpleTypes check the lexical forms of the types in use, after collapsing white space.
var simpleTypes = map[string]func(string) bool{
	"xs:string":             func(string) bool { return true },
	"xs:positiveInteger":    regexp.MustCompile(`^\+?0*[1-9][0-9]*$`).MatchString,
	"xs:nonNegativeInteger": regexp.MustCompile(`^(\+?[0-9]+|-0+)$`).MatchString,
	"xs:anyURI": func(text string) bool {
		_, err := url.Parse(text)
		return err == nil
	},
}

func readSchema(t *testing.T) schema {
	t.Helper()
	var s schema
	if err := xml.Unmarshal([]byte(golden(t, "answer.xsd")), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Roots) == 0 || len(s.Types) == 0 || len(s.Types[0].Elements) == 0 {
		t.Fatal("the schema is empty")
	}
	return s
}

// validate returns an error when a document violates the schema.
func (s schema) validate(document string) error {
	decoder := xml.NewDecoder(strings.NewReader(document))
	root, err := nextElement(decoder)
	if err != nil {
		return err
	}
	if err := s.validateContent(decoder, root); err != nil {
		return err
	}
	if _, err := nextElement(decoder); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the root: %w", err)
	}
	return nil
}

func (s schema) validateContent(decoder *xml.Decoder, root *xml.StartElement) error {
	elements, err := s.elementsOf(root)
	if err != nil {
		return err
	}
	child, err := nextElement(decoder)
	for _, element := range elements {
		if err != nil {
			return err
		}
		if child == nil || child.Name != (xml.Name{Local: element.Name}) {
			if element.MinOccurs == "0" {
				continue
			}
			return fmt.Errorf("%s is missing", element.Name)
		}
		if err := element.validate(decoder, child); err != nil {
			return err
		}
		child, err = nextElement(decoder)
	}
	if child != nil {
		return fmt.Errorf("%s is unexpected", child.Name.Local)
	}
	return err
}

func (s schema) elementsOf(root *xml.StartElement) ([]particle, error) {
	for _, known := range s.Roots {
		if root == nil || root.Name != (xml.Name{Local: known.Name}) {
			continue
		}
		for _, candidate := range s.Types {
			if candidate.Name == known.Type {
				return candidate.Elements, nil
			}
		}
	}
	return nil, errors.New("the root is unknown")
}

func (p particle) validate(decoder *xml.Decoder, start *xml.StartElement) error {
	var text struct {
		Text  string     `xml:",chardata"`
		Inner []xml.Name `xml:",any"`
	}
	if err := decoder.DecodeElement(&text, start); err != nil {
		return err
	}
	collapsed := strings.Join(strings.Fields(text.Text), " ")
	if len(text.Inner) > 0 || !simpleTypes[p.Type](collapsed) {
		return fmt.Errorf("%s is not a valid %s", p.Name, p.Type)
	}
	return nil
}

// nextElement skips white space and comments. It returns nil at the end of the parent.
func nextElement(decoder *xml.Decoder) (*xml.StartElement, error) {
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return &token, nil
		case xml.EndElement:
			return nil, nil
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				return nil, errors.New("there is text between elements")
			}
		case xml.Directive:
			return nil, errors.New("there is a directive")
		}
	}
}

func TestAnswersFollowTheSchema(t *testing.T) {
	for _, row := range []struct {
		why   string
		ask   func(*harness) answer
		valid bool
	}{
		{"a grant follows it", func(s *harness) answer { return s.ask("api_key=123") }, true},
		{"so do forms that the schema allows and few clients expect", func(s *harness) answer {
			s.Misbehave(standin.NoStatus(), standin.Padded(), standin.Root("billings_response"))
			return s.ask("api_key=123")
		}, true},
		{"an error cannot follow it, as it has no URL", func(s *harness) answer { return s.ask("api_key=unknown") }, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			got := row.ask(start(t))
			if err := readSchema(t).validate(got.body); (err == nil) != row.valid {
				t.Errorf("validity: %v\n%s", err, got.body)
			}
		})
	}
}

func TestGoldenAnswersFollowTheSchema(t *testing.T) {
	for name, valid := range map[string]bool{"documented-answer.xml": true, "schema-answer.xml": true, "rejected-answer.xml": false} {
		if err := readSchema(t).validate(golden(t, name)); (err == nil) != valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The validation itself must be able to fail.
func TestSchemaRefusesBrokenDocuments(t *testing.T) {
	whole := golden(t, "documented-answer.xml")
	for _, row := range []struct{ why, from, to string }{
		{"another root", "documents_response", "invoices_response"},
		{"a namespace", "<documents_response>", `<documents_response xmlns="urn:a">`},
		{"a status of zero", "<status>200<", "<status>0<"},
		{"an empty status", "<status>200<", "<status><"},
		{"a mistyped tag", "message>", "massage>"},
		{"an expire that is no number", "<expire>1522895794<", "<expire>soon<"},
		{"a negative expire", "<expire>1522895794<", "<expire>-1<"},
		{"no expire", "<expire>1522895794</expire>", ""},
		{"two expires", "</expire>", "</expire><expire>1</expire>"},
		{"an invalid URL", "<url>https:", "<url>%zz:"},
		{"an element in a value", "<status>200<", "<status><b/>200<"},
		{"text between elements", "<status>", "and <status>"},
		{"a second root", "</documents_response>", "</documents_response><more/>"},
		{"a DOCTYPE", "<documents_response>", "<!DOCTYPE a><documents_response>"},
		{"no end", "</documents_response>", ""},
	} {
		broken := strings.ReplaceAll(whole, row.from, row.to)
		if broken == whole {
			t.Errorf("%s: the row changes nothing", row.why)
		}
		if readSchema(t).validate(broken) == nil {
			t.Errorf("%s was not refused", row.why)
		}
	}
}
