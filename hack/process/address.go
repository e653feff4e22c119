package process

import "net"

// FreeAddress returns a loopback address on which nothing listens, for a program that
// cannot tell which port it was given.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
