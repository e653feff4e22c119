// Package auditlog reads from an API server's own audit log what was asked of it.
package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
)

// Call is a request that an API server has answered, or a watch that it has begun
// to serve.
type Call struct {
	// Verb in Kubernetes' words: get, list, watch, create, update, patch, delete. A
	// watch that begins with all there is counts as list, as it takes the place of one. A
	// list of one object counts as check: an informer looks at the cluster's version so
	// before it takes up a watch that has ended.
	Verb string
	// Resource by its plural name, with a subresource after a slash; empty where none
	// was asked for, as while clients discover what there is.
	Resource string
	// Namespace that it was about; empty for all of them or none.
	Namespace string
	// UserAgent that the client gave.
	UserAgent string
	// Code is the HTTP status of the answer.
	Code int
	// Received and Answered are when the request came and when its answer was complete.
	Received, Answered time.Time
}

// What is verb and resource, such as "patch billingsessions/status".
func (c Call) What() string { return c.Verb + " " + c.Resource }

// Reading goes through an audit log as it grows.
type Reading struct {
	file *os.File
	// rest is the beginning of a line whose end is not written yet.
	rest []byte
}

// Read begins at the log's first line. The policy must log each request at stage
// ResponseComplete.
func Read(path string) (*Reading, error) {
	file, err := os.Open(path)
	return &Reading{file: file}, err
}

// Next returns what was added since the last time. The API server writes a moment
// after it has answered.
func (r *Reading) Next() ([]Call, error) {
	added, err := io.ReadAll(r.file)
	if err != nil {
		return nil, err
	}
	text := append(r.rest, added...)
	var calls []Call
	for {
		line, after, complete := bytes.Cut(text, []byte("\n"))
		if !complete {
			r.rest = bytes.Clone(text)
			return calls, nil
		}
		call, ok, err := parse(line)
		if err != nil {
			return nil, err
		}
		if ok {
			calls = append(calls, call)
		}
		text = after
	}
}

// Close ends the reading.
func (r *Reading) Close() error { return r.file.Close() }

// parse reads a line. A watch counts when it begins, anything else when it is over.
func parse(line []byte) (call Call, ok bool, err error) {
	var event struct {
		Stage, Verb, UserAgent   string
		RequestURI               string
		ObjectRef                struct{ Resource, Subresource, Namespace string }
		ResponseStatus           struct{ Code int }
		RequestReceivedTimestamp time.Time
		StageTimestamp           time.Time
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return Call{}, false, errors.Join(errors.New("the audit log holds a line that is no event"), err)
	}
	counted := "ResponseComplete"
	if event.Verb == "watch" {
		counted = "ResponseStarted"
	}
	if event.Verb == "watch" && strings.Contains(event.RequestURI, "sendInitialEvents=true") {
		event.Verb = "list"
	}
	if event.Verb == "list" && isOfOne(event.RequestURI) {
		event.Verb = "check"
	}
	resource := event.ObjectRef.Resource
	if event.ObjectRef.Subresource != "" {
		resource += "/" + event.ObjectRef.Subresource
	}
	return Call{
		Verb: event.Verb, Resource: resource, Namespace: event.ObjectRef.Namespace, UserAgent: event.UserAgent,
		Code: event.ResponseStatus.Code, Received: event.RequestReceivedTimestamp, Answered: event.StageTimestamp,
	}, event.Stage == counted, nil
}

// isOfOne reports whether a list asks for one object at most.
func isOfOne(requestURI string) bool {
	asked, err := url.Parse(requestURI)
	return err == nil && asked.Query().Get("limit") == "1"
}
