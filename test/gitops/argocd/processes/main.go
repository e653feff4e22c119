// Command processes is Argo CD's application controller, or its repo server when the program has
// that name. A release of Argo CD is one program in the same way.
package main

import (
	"os"
	"path/filepath"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

func main() {
	command := controller.NewCommand()
	if filepath.Base(os.Args[0]) == "argocd-repo-server" {
		command = reposerver.NewCommand()
	}
	if command.Execute() != nil {
		os.Exit(1)
	}
}
