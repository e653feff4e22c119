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
// [Server.Misbehave] and [Server.MisbehaveFor] say what shall go wrong, in Go:
//
//	endpoint.Misbehave(standin.Times(3, standin.Status(503)))
//	endpoint.MisbehaveFor("123", standin.Throttle(30*time.Second))
//	endpoint.Heal()
//
// or, for another process, in the words of [ParseFault] through [WithControl].
//
// The endpoint's document is silent on errors. Where it is, the stand-in is
// strict: what the document does not allow is refused, so that a mistake in a
// client shows here first.
//
// It knows nothing of the code that it tests. Both answer to the files in
// test/golden.
package standin
