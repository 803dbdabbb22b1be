package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// entraCmd is everything about integrations.
type entraCmd struct {
	remote
	List                entraListCmd        `cmd:"" help:"List integrations."`
	Show                entraShowCmd        `cmd:"" help:"Show an integration."`
	Setup               entraSetupCmd       `cmd:"" help:"Take a tenant from nothing to an integration: sign in by code, read what is there, write what is missing, read it back."`
	Add                 entraAddCmd         `cmd:"" help:"Connect a tenant. The new integration stands DISABLED."`
	Update              entraUpdateCmd      `cmd:"" help:"Change an integration. What is not given stays."`
	Test                entraTestCmd        `cmd:"" help:"Test the connection of an integration."`
	Permissions         entraPermissionsCmd `cmd:"" help:"Show which permissions are granted, missing and surplus."`
	Enable              entraEnableCmd      `cmd:"" help:"Enable an integration."`
	Disable             entraDisableCmd     `cmd:"" help:"Disable an integration: nobody can register or authenticate with it."`
	Flags               entraFlagsCmd       `cmd:"" help:"Show or switch feature flags of an integration."`
	OfferedFlags        entraOfferedCmd     `cmd:"" help:"Show or switch the flags that new integrations start with."`
	LoginSettings       entraLoginCmd       `cmd:"" help:"Show or change which domains may register and authenticate."`
	Debug               entraDebugCmd       `cmd:"" help:"Switch HTTP Debug on or off."`
	Metadata            entraMetadataCmd    `cmd:"" help:"Export the FIDO metadata statement of the phones, with the integration's attestation CA. Entra's \"Enforce attestation\" does not take it: it refuses every authenticator that is not in the FIDO Metadata Service."`
	Rotate              entraRotateCmd      `cmd:"" help:"Replace the credential of an integration by a new one, without a moment between; and see when it ends."`
	ValidateCertificate entraCertificateCmd `cmd:"" help:"Check a client certificate and its key, without storing them."`
	Groups              entraGroupsCmd      `cmd:"" help:"Look at the three groups and mend what can be mended."`
	Leavers             entraLeaversCmd     `cmd:"" help:"Show or change what becomes of users whose account is disabled or deleted."`
	RevokeAll           entraRevokeAllCmd   `cmd:"" help:"Disable an integration and take every phone and managed passkey of its users away."`
	Remove              entraRemoveCmd      `cmd:"" help:"Remove an integration."`
}

// named names one integration.
type named struct {
	Integration string `arg:"" optional:"" help:"Identifier or application name; may be left out when there is only one."`
}

// find resolves a name.
func find(ctx context.Context, c *postern.Client, name string) (postern.Integration, error) {
	if postern.ValidID(name, postern.PrefixIntegration) {
		return c.Integration(ctx, postern.IntegrationID(name))
	}
	all, err := c.Integrations(ctx)
	if err != nil {
		return postern.Integration{}, err
	}
	if name == "" {
		if len(all) == 1 {
			return all[0], nil
		}
		return postern.Integration{}, postern.Errorf(postern.CodeInvalid, "There are %d integrations.", len(all)).
			WithNext("Name one; postern entra list shows them.")
	}
	for _, i := range all {
		if strings.EqualFold(i.ApplicationName, name) {
			return i, nil
		}
	}
	return postern.Integration{}, postern.Errorf(postern.CodeNotFound, "There is no integration named %q.", name).
		WithNext("postern entra list shows them.")
}

// open makes the client and resolves the name.
func (n named) open(ctx context.Context, r *remote, std cli.Streams) (*postern.Client, postern.Integration, error) {
	c, err := r.client(std)
	if err != nil {
		return nil, postern.Integration{}, err
	}
	i, err := find(ctx, c, n.Integration)
	return c, i, err
}

type entraListCmd struct{}

// Run lists integrations.
func (entraListCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	all, err := c.Integrations(ctx)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "APPLICATION NAME", "STATE", "TENANT", "CREDENTIAL", "CHECKED"}, empty: "There are no integrations."}
	return showList(std, group.JSON, all, t, func(i postern.Integration) []string {
		return []string{string(i.ID), i.ApplicationName, string(i.State), tenantOf(i), string(i.Credential.Kind), checked(i)}
	})
}

func tenantOf(i postern.Integration) string {
	if i.TenantName != "" {
		return i.TenantName
	}
	return i.TenantID
}

func checked(i postern.Integration) string {
	switch {
	case i.Check == nil:
		return "never"
	case i.Check.OK:
		return "ok " + when(i.Check.At)
	}
	return "failed " + when(i.Check.At)
}

type entraShowCmd struct{ named }

// Run shows an integration.
func (cmd *entraShowCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	_, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	return showIntegration(std, group.JSON, i)
}

func showIntegration(std cli.Streams, asJSON bool, i postern.Integration) error {
	debug := ""
	if i.HTTPDebugUntil != nil {
		debug = "on until " + when(*i.HTTPDebugUntil)
	}
	fields := []field{
		{"ID", string(i.ID)},
		{"Application name", i.ApplicationName},
		{"State", string(i.State)},
		{"Tenant", i.TenantID},
		{"Tenant name", i.TenantName},
		{"Client ID", i.ClientID},
		{"Credential", string(i.Credential.Kind)},
		{"Permission set", string(i.PermissionSet)},
		{"Challenge timeout", fmt.Sprintf("%d minutes", i.ChallengeTimeout)},
		{"Attestation", string(i.Attestation)},
		{"Low assurance", yesNo(i.AllowLowAssurance)},
		{"Domains", domainsOf(i)},
		{"HTTP Debug", debug},
		{"Flags off", join(i.Flags.Missing())},
		{"Checked", checked(i)},
		{"Version", fmt.Sprint(i.Version)},
	}
	for _, g := range i.Groups {
		fields = append(fields, field{"Group " + string(g.Phase), strings.TrimSpace(g.Name + " " + g.Problem)})
	}
	return showFields(std, asJSON, i, fields...)
}

func domainsOf(i postern.Integration) string {
	if !i.RestrictDomains {
		return "any"
	}
	return "only " + strings.Join(i.Domains, ", ")
}

type entraTestCmd struct{ named }

// Run tests the connection. A connection that does not work is a failure of the command too.
func (cmd *entraTestCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	test, err := c.TestIntegration(ctx, i.ID)
	if err != nil {
		return err
	}
	return showTest(std, group.JSON, test)
}

func showTest(std cli.Streams, asJSON bool, test postern.ConnectionTest) error {
	p := test.Permissions
	err := showFields(std, asJSON, test,
		field{"Connection", map[bool]string{true: "ok", false: "failed"}[test.OK]}, field{"Tenant", test.TenantName},
		field{"Missing", strings.Join(p.Missing, ", ")}, field{"Wrong type", strings.Join(p.WrongType, ", ")},
		field{"Unproven", strings.Join(p.Unproven, ", ")}, field{"Surplus", strings.Join(p.Surplus, ", ")})
	if err != nil || test.OK {
		return err
	}
	code := test.Code
	if code == "" {
		code = postern.CodeEntraPermission
	}
	return postern.Errorf(code, "%s", test.Message).WithNext(test.Next)
}

type entraPermissionsCmd struct{ named }

// Run shows what the last test found about permissions.
func (cmd *entraPermissionsCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	_, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if i.Check == nil {
		return postern.Errorf(postern.CodeNotFound, "%s has not been tested yet.", i.ApplicationName).
			WithNext("Run postern entra test.")
	}
	if group.JSON {
		return cli.JSON(std.Out, i.Check.Permissions)
	}
	t := table{header: []string{"PERMISSION", "TYPE", "STATUS"}, empty: "Nothing is granted."}
	report := i.Check.Permissions
	surplus := make(map[string]bool)
	for _, name := range report.Surplus {
		surplus[name] = true
	}
	for _, g := range report.Granted {
		status := "granted"
		if surplus[g.Name] {
			status = "granted, not needed"
		}
		t.add(g.Name, g.Type, status)
	}
	for _, part := range []struct {
		names  []string
		status string
	}{{report.Missing, "missing"}, {report.WrongType, "granted as the wrong type"}, {report.Unproven, "granted, but refused when tried"}} {
		for _, name := range part.names {
			t.add(name, "", part.status)
		}
	}
	return t.show(std)
}

type entraRemoveCmd struct {
	named
	sure
}

// Run removes an integration.
func (cmd *entraRemoveCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if err := cmd.ask(std, fmt.Sprintf("Remove %s with all its users and phones?", i.ApplicationName)); err != nil {
		return err
	}
	if err := c.RemoveIntegration(ctx, i.ID, i.Version); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%s is removed.\n", i.ApplicationName)
	return nil
}
