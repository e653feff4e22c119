// Command processes is Argo CD's application controller or its repo server, as its first argument
// says. A release of Argo CD is one program in the same way.
package main

import (
	"os"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

func main() {
	command := controller.NewCommand()
	if os.Args[1] == "repo-server" {
		command = reposerver.NewCommand()
	}
	command.SetArgs(os.Args[2:])
	if command.Execute() != nil {
		os.Exit(1)
	}
}
