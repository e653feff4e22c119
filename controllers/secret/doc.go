// Package secret reads and writes the generated Secret: whose it is, its metadata, the
// grant that it holds and the digest that shows an edit. It is pure: objects go in, and
// objects come out.
package secret
