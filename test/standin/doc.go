// Package standin is an endpoint that answers as Xtracta's document of
// billings/billing_ui says, serves the page behind each URL that it grants, and
// misbehaves on request.
//
// It is an [http.Handler]; a test needs no more than
//
//	endpoint := standin.New(standin.WithKeys("123"))
//	server := httptest.NewServer(endpoint)
//	defer server.Close()
//	// POST server.URL+standin.Path, then ask endpoint.Requests("123").
//
// [Server.Misbehave] and [Server.MisbehaveFor] say what goes wrong, in Go:
//
//	endpoint.Misbehave(standin.Times(3, standin.Status(503)))
//	endpoint.MisbehaveFor("123", standin.Throttle(30*time.Second))
//	endpoint.Heal()
//
// or, from another process, as text (see [ParseFault]) through [WithControl].
//
// The endpoint's document does not describe errors. The stand-in is strict: it refuses
// what the document does not allow, so that a mistake of a client shows here first.
//
// The stand-in does not use the code that it tests. Both are checked against the files
// in test/fixtures/golden, so that one mistyped tag cannot agree with itself.
package standin
