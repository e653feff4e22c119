// Command progress runs "go build", and says every few seconds how far it is and about how
// long it will still take:
//
//	go run ./hack/gobuild/progress -o bin/ ./cmd/...
//
// With -test it compiles packages and their tests and links nothing, so that "go test",
// which compiles in silence, starts at once.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/xtracta/billing-operator/hack/gobuild"
)

func main() {
	dir := flag.String("C", "", "`folder` to run in")
	output := flag.String("o", "", "`file` or folder to write to, as go build's")
	linker := flag.String("ldflags", "", "`flags` for the linker")
	tests := flag.Bool("test", false, "compile packages and their tests, and link nothing")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := gobuild.Command{Dir: *dir, Progress: os.Stdout}
	var err error
	if *tests {
		err = command.Compile(ctx, flag.Args()...)
	} else {
		err = command.Build(ctx, buildFlags(*output, *linker), flag.Args()...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func buildFlags(output, linker string) (flags []string) {
	if output != "" {
		flags = append(flags, "-o", output)
	}
	if linker != "" {
		flags = append(flags, "-ldflags", linker)
	}
	return flags
}
