package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// inventoryCmd shows every passkey of a tenant.
type inventoryCmd struct {
	remote
	Read   inventoryReadCmd   `cmd:"" help:"Read the passkeys of everybody, or what changed since the last reading."`
	Status inventoryStatusCmd `cmd:"" help:"See how current and how complete the inventory is, and what it counts."`
	Show   inventoryShowCmd   `cmd:"" help:"List passkeys, whoever made them."`
	Models inventoryModelsCmd `cmd:"" help:"Count passkeys by model."`
	Users  inventoryUsersCmd  `cmd:"" help:"List users with their passkeys: those without, with only one, privileged without."`
	Export inventoryExportCmd `cmd:"" help:"Export everybody with their passkeys."`
}

type inventoryReadCmd struct {
	named
	Full bool `help:"Look at everybody, not only at what changed."`
	Wait bool `help:"Wait until it is through." short:"w"`
}

// Run asks for a reading.
func (cmd *inventoryReadCmd) Run(ctx context.Context, std cli.Streams, group *inventoryCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	s, err := c.ReadInventory(ctx, i.ID, postern.InventoryInput{Full: cmd.Full})
	if err != nil {
		return err
	}
	if cmd.Wait {
		if s, err = waitForInventory(ctx, c, std, s); err != nil {
			return err
		}
	}
	if err := showInventory(std, group.JSON, s, nil); err != nil {
		return err
	}
	if cmd.Wait && s.State == postern.InventoryFailed {
		return postern.Errorf(s.Code, "%s", s.Message).WithNext(s.Next)
	}
	return nil
}

// waitForInventory waits until a reading has ended, and says how far it is: on a terminal with a bar, else step by step.
func waitForInventory(ctx context.Context, c *postern.Client, std cli.Streams, s postern.InventoryStatus) (postern.InventoryStatus, error) {
	file, ok := std.Err.(*os.File)
	terminal := ok && atTerminal(file)
	said := ""
	for s.State == postern.InventoryReading {
		step := inventorySteps[s.Step]
		switch {
		case terminal:
			fmt.Fprintf(std.Err, "\r\x1b[K%s", inventoryProgress(s, step))
		case step != said:
			fmt.Fprintf(std.Err, "Reading: %s.\n", step)
			said = step
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(waitEvery):
		}
		var err error
		if s, err = c.InventoryStatus(ctx, s.IntegrationID); err != nil {
			return s, err
		}
	}
	if terminal {
		fmt.Fprint(std.Err, "\r\x1b[K")
	}
	return s, nil
}

var inventorySteps = map[string]string{
	"directory": "users of the tenant", "report": "registration report", "events": "changes since", "passkeys": "passkeys",
}

func inventoryProgress(s postern.InventoryStatus, step string) string {
	if s.UsersPlanned == 0 {
		return step
	}
	filled := min(barWidth*s.Users/s.UsersPlanned, barWidth)
	return fmt.Sprintf("[%s%s] %s: %d of %d users", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), step, s.Users, s.UsersPlanned)
}

func showInventory(std cli.Streams, asJSON bool, s postern.InventoryStatus, sum *postern.InventorySummary) error {
	if asJSON {
		if sum == nil {
			return cli.JSON(std.Out, s)
		}
		return cli.JSON(std.Out, struct {
			Status  postern.InventoryStatus  `json:"status"`
			Summary postern.InventorySummary `json:"summary"`
		}{s, *sum})
	}
	sources := map[string]string{"report": "whom the registration report names", "everybody": "everybody", "known": "those whom Postern knows; the directory may not be read"}
	fields := []field{
		{"State", string(s.State)},
		{"Step", inventorySteps[s.Step]},
		{"Complete", yesNo(s.Complete)},
		{"Looks at", sources[s.Source]},
		{"Users looked at", fmt.Sprintf("%d of %d", s.Users, max(s.Users, s.UsersPlanned))},
		{"Passkeys changed", fmt.Sprint(s.Changed)},
	}
	if s.Failures > 0 {
		fields = append(fields, field{"Users that could not be read", fmt.Sprint(s.Failures)})
	}
	fields = append(fields,
		field{"Current as of", whenever(s.FinishedAt)}, field{"Everybody as of", whenever(s.FullAt)},
		field{"Requests", fmt.Sprintf("%d, %d of them throttled", s.Requests, s.Throttled)},
		field{"Last use", map[bool]string{true: "told by Entra, hours behind, and by phones with Postern", false: "told by phones with Postern alone"}[s.LastUseKnown]},
		field{"Other methods", map[bool]string{true: "known", false: "not known: that needs AuditLog.Read.All and Entra ID P1"}[s.MethodsKnown]},
		field{"Why", s.Message}, field{"Next", s.Next})
	if sum != nil {
		fields = append(fields,
			field{"Users", fmt.Sprint(sum.Users)}, field{"With a passkey", fmt.Sprint(sum.WithPasskey)}, field{"With only one", fmt.Sprint(sum.WithOne)},
			field{"Privileged without one", fmt.Sprintf("%d of %d", sum.PrivilegedNo, sum.PrivilegedAll)},
			field{"Passkeys", fmt.Sprint(sum.Passkeys)}, field{"Managed", fmt.Sprint(sum.Managed)}, field{"Attested", fmt.Sprint(sum.Attested)},
			field{"Synced", fmt.Sprint(sum.Synced)}, field{"Not used for 90 days", fmt.Sprint(sum.Stale)}, field{"Never used", fmt.Sprint(sum.NeverUsed)})
	}
	return showFields(std, false, s, fields...)
}

type inventoryStatusCmd struct{ named }

// Run shows how an inventory stands.
func (cmd *inventoryStatusCmd) Run(ctx context.Context, std cli.Streams, group *inventoryCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	s, err := c.InventoryStatus(ctx, i.ID)
	if err != nil {
		return err
	}
	sum, err := c.InventorySummary(ctx, i.ID)
	if err != nil {
		return err
	}
	return showInventory(std, group.JSON, s, &sum)
}

// inventoryChoice is what both lists are narrowed by.
type inventoryChoice struct {
	Model string `help:"Only this model, by its AAGUID." placeholder:"AAGUID"`
	Text  string `help:"Only with this part of a name." placeholder:"TEXT"`
	Max   int    `help:"At most that many." default:"200" placeholder:"N"`
}

func (c inventoryChoice) query(id postern.IntegrationID, view string) postern.InventoryQuery {
	return postern.InventoryQuery{IntegrationID: id, View: postern.InventoryView(view), AAGUID: c.Model, Text: c.Text}
}

// collectPages asks page after page, until there are most.
func collectPages[T any](most int, q postern.InventoryQuery, ask func(q postern.InventoryQuery) (postern.InventoryPage[T], error)) (all []T, total int, err error) {
	const perPage = 500
	for {
		q.Offset, q.Limit = len(all), max(min(perPage, most-len(all)), 1)
		page, err := ask(q)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, page.Items...)
		if page.Next == "" || len(all) >= most {
			return all, page.Total, nil
		}
	}
}

// sayMore says how many there are besides.
func sayMore(std cli.Streams, shown, total int) {
	if shown < total {
		fmt.Fprintf(std.Err, "%d of %d are shown; --max shows more.\n", shown, total)
	}
}

type inventoryShowCmd struct {
	named
	inventoryChoice
	View string `help:"Which: ${enum}." enum:"all,managed,unmanaged,unattested,synced,stale,disabled_account" default:"all" placeholder:"VIEW"`
}

// Run lists passkeys.
func (cmd *inventoryShowCmd) Run(ctx context.Context, std cli.Streams, group *inventoryCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	found, total, err := collectPages(cmd.Max, cmd.query(i.ID, cmd.View), func(q postern.InventoryQuery) (postern.InventoryPage[postern.InventoryPasskey], error) {
		return c.InventoryPasskeys(ctx, q)
	})
	if err != nil {
		return err
	}
	t := table{header: []string{"USER", "PASSKEY", "MODEL", "AAGUID", "ATTESTED", "SYNCED", "CREATED", "USED, SAYS ENTRA", "AS OF", "USED, SAYS PHONE", "WHERE"}, empty: "There is no such passkey."}
	if err := showList(std, group.JSON, found, t, func(k postern.InventoryPasskey) []string {
		place := cmp.Or(k.Place(), "-")
		if place == "-" && k.Managed() {
			place = "managed"
		}
		return []string{k.UPN, k.Name, k.ModelName, k.AAGUID, yesNo(k.Attested), yesNo(k.Synced), when(k.CreatedAt), whenever(k.LastUsedAt), whenever(k.LastUsedReadAt), whenever(k.UsedWithPosternAt), place}
	}); err != nil {
		return err
	}
	sayMore(std, len(found), total)
	return nil
}

type inventoryModelsCmd struct{ named }

// Run counts passkeys by model.
func (cmd *inventoryModelsCmd) Run(ctx context.Context, std cli.Streams, group *inventoryCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	sum, err := c.InventorySummary(ctx, i.ID)
	if err != nil {
		return err
	}
	most := 1
	for _, m := range sum.Models {
		most = max(most, m.Passkeys)
	}
	t := table{header: []string{"MODEL", "AAGUID", "PASSKEYS", "", "USERS", "MANAGED", "ATTESTED", "SYNCED", "ALLOWED"}, empty: "There is no passkey."}
	return showList(std, group.JSON, sum.Models, t, func(m postern.InventoryModel) []string {
		bar := strings.Repeat("#", max(barWidth*m.Passkeys/most, 1))
		return []string{
			m.Name, m.AAGUID, fmt.Sprint(m.Passkeys), bar, fmt.Sprint(m.Users), fmt.Sprint(m.Managed), fmt.Sprint(m.Attested), fmt.Sprint(m.Synced), string(m.Allowed),
		}
	})
}

type inventoryUsersCmd struct {
	named
	inventoryChoice
	View string `help:"Which: ${enum}." enum:"all,privileged_without,only_one,without" default:"all" placeholder:"VIEW"`
}

// Run lists users.
func (cmd *inventoryUsersCmd) Run(ctx context.Context, std cli.Streams, group *inventoryCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	found, total, err := collectPages(cmd.Max, cmd.query(i.ID, cmd.View), func(q postern.InventoryQuery) (postern.InventoryPage[postern.InventoryUser], error) {
		return c.InventoryUsers(ctx, q)
	})
	if err != nil {
		return err
	}
	t := table{header: []string{"USER", "NAME", "ACCOUNT", "ROLES", "PASSKEYS", "MODELS", "OTHER METHODS", "READ"}, empty: "There is no such user."}
	if err := showList(std, group.JSON, found, t, func(u postern.InventoryUser) []string {
		var models []string
		for _, k := range u.Passkeys {
			models = append(models, k.ModelName)
		}
		methods := strings.Join(u.Methods, ", ")
		if !u.MethodsKnown {
			methods = "not known"
		}
		return []string{
			u.UPN, u.DisplayName, map[bool]string{true: "enabled", false: "disabled"}[u.Enabled], strings.Join(u.Roles, ", "),
			fmt.Sprint(len(u.Passkeys)), strings.Join(models, ", "), methods, whenever(u.LookedAt),
		}
	}); err != nil {
		return err
	}
	sayMore(std, len(found), total)
	return nil
}

type inventoryExportCmd struct {
	named
	Format string `help:"As what: ${enum}. Lines are the text of the known scripts that list AAGUIDs." enum:"csv,json,lines" default:"csv" placeholder:"FORMAT"`
	Output string `help:"Write to this file. Lines are shown besides." placeholder:"FILE" type:"path"`
}

// Run exports everybody.
func (cmd *inventoryExportCmd) Run(ctx context.Context, std cli.Streams, group *inventoryCmd) (err error) {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if cmd.Output == "" {
		return c.WriteInventory(ctx, i.ID, cmd.Format, std.Out)
	}
	file, err := os.OpenFile(cmd.Output, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if cmd.Format == postern.InventoryLines {
		return c.WriteInventory(ctx, i.ID, cmd.Format, io.MultiWriter(file, std.Out))
	}
	return c.WriteInventory(ctx, i.ID, cmd.Format, file)
}
