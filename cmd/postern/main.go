// Command postern is the control center and its command line.
//
// serve and demo run a control center; everything else talks to a running one over its REST API, like any other
// client. main.go owns the command tree and the exit codes, remote.go the connection, show.go what is printed;
// each group of commands stands in the file of its name.
package main

import (
	"github.com/alecthomas/kong"

	"github.com/postern/postern/internal/cli"
)

// commands is the command tree.
type commands struct {
	Serve ServeCmd `cmd:"" help:"Run a control center."`
	Demo  DemoCmd  `cmd:"" help:"Run a control center with an emulated Entra tenant, to try things out."`

	Backup  BackupCmd  `cmd:"" help:"Write an archive of the database, while everything goes on."`
	Restore RestoreCmd `cmd:"" help:"Fill an empty database from an archive."`
	Local   localCmd   `cmd:"" help:"What only somebody with a shell on the server can do: a link for an owner, a token."`

	Login        loginCmd        `cmd:"" help:"Remember a control center and a token for the commands below." group:"remote"`
	Entra        entraCmd        `cmd:"" help:"Integrations: connected Entra tenants." group:"remote"`
	Users        usersCmd        `cmd:"" help:"Users and their invitations." group:"remote"`
	Directory    directoryCmd    `cmd:"" help:"Postern's copy of the tenant's directory." group:"remote"`
	Enrolment    enrolmentCmd    `cmd:"" help:"Who may or must enrol, and what proves who they are." group:"remote"`
	Approvals    approvalsCmd    `cmd:"" help:"Phones that wait for somebody to vouch for their users." group:"remote"`
	Phones       phonesCmd       `cmd:"" help:"Phones of users." group:"remote"`
	Workstations workstationsCmd `cmd:"" help:"Workstations of an integration." group:"remote"`
	Pairings     pairingsCmd     `cmd:"" help:"Pairings of phones with workstations." group:"remote"`
	Recovery     recoveryCmd     `cmd:"" help:"Recovery codes, which the help desk gives out to users who are offline without their phone." group:"remote"`
	Passkeys     passkeysCmd     `cmd:"" help:"Passkeys of users, and their provisioning." group:"remote"`
	Reconcile    reconcileCmd    `cmd:"" help:"Entra, Postern and the groups: whether they agree." group:"remote"`
	Policy       policyCmd       `cmd:"" help:"The tenant's passkey policy as code: plan, impact, apply, undo, drift." group:"remote"`
	Models       modelsCmd       `cmd:"" help:"Models of authenticators, and the bundles of them that policies name." group:"remote"`
	Inventory    inventoryCmd    `cmd:"" help:"Every passkey of everybody in the tenant, whoever made it." group:"remote"`
	Mail         mailCmd         `cmd:"" help:"Messages to users: mail settings, texts, reminders, outbox." group:"remote"`
	Doctor       doctorCmd       `cmd:"" help:"Say what is wrong with the control center and its tenants, and what to do." group:"remote"`
	Jobs         jobsCmd         `cmd:"" help:"Jobs over many users." group:"remote"`
	Audit        auditCmd        `cmd:"" help:"The audit trail." group:"remote"`
	Tokens       tokensCmd       `cmd:"" help:"API tokens." group:"remote"`
	Admins       adminsCmd       `cmd:"" help:"Administrators of this Postern." group:"remote"`

	Version cli.Version `cmd:"" help:"Print the version."`
}

const description = `Phishing-resistant passkeys for Microsoft Entra ID on people's own phones.

Exit codes: 0 done, 1 failed, 2 wrong usage or value, 3 not found, 4 conflict or changed meanwhile, 5 not allowed,
6 Entra refused or cannot be reached, 7 not yet, 130 stopped. postern policy plan and drift also answer with
10 something would change or has, 11 that would lock somebody out.`

func main() { program().Main() }

func program() cli.Program {
	return cli.Program{
		Name: "postern", Description: description, Tree: new(commands),
		Options: []kong.Option{kong.ExplicitGroups([]kong.Group{
			{Key: "remote", Title: "Commands for a running control center"},
			{Key: "key", Title: "A hardware security key"},
		})},
	}
}
