package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// modelsCmd is everything about the list of authenticators' models.
type modelsCmd struct {
	remote
	List    modelsListCmd    `cmd:"" help:"List models with their AAGUIDs."`
	Show    modelsShowCmd    `cmd:"" help:"Look a model up by its AAGUID."`
	Bundles modelsBundlesCmd `cmd:"" help:"List the bundles that a policy may name, and where the list is from."`
	Diff    modelsDiffCmd    `cmd:"" help:"Say what an update would change."`
	Update  modelsUpdateCmd  `cmd:"" help:"Update the list from FIDO's metadata or another list, and say what changed. No policy changes by it."`
}

type modelsListCmd struct {
	within
	Bundle string `help:"Only models of this bundle." placeholder:"NAME"`
	Search string `help:"Only models with this in their name, vendor or AAGUID." placeholder:"TEXT"`
}

// Run lists models.
func (cmd *modelsListCmd) Run(ctx context.Context, std cli.Streams, group *modelsCmd) error {
	all, err := cmd.models(ctx, std, group)
	if err != nil {
		return err
	}
	wanted := func(postern.Model) bool { return true }
	if cmd.Bundle != "" {
		at := slices.IndexFunc(all.Bundles, func(b postern.ModelBundle) bool { return strings.EqualFold(b.Name, cmd.Bundle) })
		if at < 0 {
			return postern.Errorf(postern.CodeNotFound, "There is no bundle %q.", cmd.Bundle).WithNext(`See "postern models bundles" for those there are.`)
		}
		wanted = func(m postern.Model) bool { return slices.Contains(all.Bundles[at].AAGUIDs, m.AAGUID) }
	}
	part := strings.ToLower(cmd.Search)
	found := slices.DeleteFunc(all.Models, func(m postern.Model) bool {
		return !wanted(m) || !strings.Contains(strings.ToLower(m.Name+"\n"+m.Vendor+"\n"+m.AAGUID), part)
	})
	slices.SortStableFunc(found, func(a, b postern.Model) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	t := table{header: []string{"AAGUID", "NAME", "VENDOR", "KIND", "FIDO", "FIPS", "STATUS"}, empty: "No such model."}
	return showList(std, group.JSON, found, t, func(m postern.Model) []string {
		return []string{m.AAGUID, m.Name, m.Vendor, kindWords[m.Kind], yesNo(m.Listed), yesNo(m.FIPS), m.Status}
	})
}

// models reads the list, with the bundle of the integration if one is named.
func (w *within) models(ctx context.Context, std cli.Streams, group *modelsCmd) (postern.ModelList, error) {
	c, err := group.client(std)
	if err != nil {
		return postern.ModelList{}, err
	}
	if w.Integration == "" {
		return c.Models(ctx, "")
	}
	i, err := find(ctx, c, w.Integration)
	if err != nil {
		return postern.ModelList{}, err
	}
	return c.Models(ctx, i.ID)
}

var kindWords = map[postern.ModelKind]string{
	postern.ModelSecurityKey: "security key", postern.ModelPlatform: "built in", postern.ModelPhone: "phone",
	postern.ModelPasswordManager: "password manager", postern.ModelKindUnknown: "unknown",
}

var sourceWords = map[postern.ModelSource]string{
	postern.ModelFromFIDO: "FIDO metadata", postern.ModelFromMicrosoft: "Microsoft's documentation", postern.ModelFromCommunity: "community's list",
	postern.ModelFromPostern: "Postern", postern.ModelFromFile: "own list",
}

type modelsShowCmd struct {
	AAGUID string `arg:"" name:"aaguid" help:"AAGUID of the model."`
}

// Run shows a model.
func (cmd *modelsShowCmd) Run(ctx context.Context, std cli.Streams, group *modelsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	m, err := c.Model(ctx, cmd.AAGUID)
	if err != nil {
		return err
	}
	return showFields(std, group.JSON, m,
		field{"AAGUID", m.AAGUID}, field{"Name", m.Name}, field{"Vendor", m.Vendor}, field{"Kind", kindWords[m.Kind]},
		field{"Says", sourceWords[m.Source]}, field{"In FIDO metadata", yesNo(m.Listed)}, field{"Status there", m.Status},
		field{"FIPS 140", yesNo(m.FIPS)}, field{"Bundles", strings.Join(m.Bundles, ", ")},
	)
}

type modelsBundlesCmd struct{ within }

// Run lists bundles.
func (cmd *modelsBundlesCmd) Run(ctx context.Context, std cli.Streams, group *modelsCmd) error {
	all, err := cmd.models(ctx, std, group)
	if err != nil {
		return err
	}
	if group.JSON {
		all.Models = []postern.Model{}
		return cli.JSON(std.Out, all)
	}
	t := table{header: []string{"BUNDLE", "MODELS", "WHAT"}, empty: "No bundles."}
	for _, b := range all.Bundles {
		t.add(b.Name, strconv.Itoa(len(b.AAGUIDs)), b.Description)
	}
	if err := t.show(std); err != nil {
		return err
	}
	fmt.Fprintln(std.Out)
	sources := table{header: []string{"FROM", "AS OF", "MODELS", "ORIGIN"}}
	for _, s := range all.Sources {
		sources.add(sourceWords[s.Source], s.Date, strconv.Itoa(s.Models), originOf(s))
	}
	return sources.show(std)
}

// originOf says where a source is from and who brought it.
func originOf(s postern.ModelListSource) string {
	if s.Bundled {
		return "came with this release"
	}
	text := s.Origin
	if s.Number > 0 {
		text += fmt.Sprintf(", issue %d", s.Number)
	}
	if s.Signer != "" {
		text += ", signed by " + s.Signer
	}
	if s.By != "" {
		text += ", by " + s.By
	}
	return text
}

// listFile is a list that a command is given.
type listFile struct {
	From      string `help:"A file, - for standard input, or an address that begins with https://, such as https://mds.fidoalliance.org/." required:"" placeholder:"FILE|URL"`
	Signature string `help:"File with a signed note about a list that is not FIDO's." type:"existingfile" placeholder:"FILE"`
	Own       bool   `help:"The list is the organisation's own: its names go before all others. An empty one, {}, takes it back."`
}

// input makes the request of a list.
func (l *listFile) input(std cli.Streams) (postern.ModelListInput, error) {
	in := postern.ModelListInput{}
	if l.Own {
		in.Source = postern.ModelFromFile
	}
	if l.Signature != "" {
		signed, err := os.ReadFile(l.Signature)
		if err != nil {
			return in, err
		}
		in.Signature = string(signed)
	}
	if strings.Contains(l.From, "://") {
		in.Address = l.From
		return in, nil
	}
	content, err := readList(l.From, std.In)
	in.Content, in.File = string(content), filepath.Base(l.From)
	return in, err
}

// maxList is what the control center takes.
const maxList = 32 << 20

func readList(path string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if path != "-" {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil, postern.Errorf(postern.CodeInvalid, "There is no file %s.", path).OnField("from").WithNext("Give a file, or an address that begins with https://.")
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	content, err := io.ReadAll(io.LimitReader(from, maxList+1))
	if err == nil && len(content) > maxList {
		err = postern.Errorf(postern.CodeTooLarge, "The list has more than %d bytes.", maxList).OnField("from").WithNext("That is no list of models that Postern reads.")
	}
	return content, err
}

type modelsDiffCmd struct{ listFile }

// Run says what an update would change.
func (cmd *modelsDiffCmd) Run(ctx context.Context, std cli.Streams, group *modelsCmd) error {
	return (&modelsUpdateCmd{listFile: cmd.listFile, DryRun: true}).Run(ctx, std, group)
}

type modelsUpdateCmd struct {
	listFile
	DryRun bool `help:"Only say what would change."`
}

// Run updates the list.
func (cmd *modelsUpdateCmd) Run(ctx context.Context, std cli.Streams, group *modelsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	in, err := cmd.input(std)
	if err != nil {
		return err
	}
	now, err := c.Models(ctx, "")
	if err != nil {
		return err
	}
	in.Version, in.DryRun = now.Version, cmd.DryRun
	diff, err := c.UpdateModels(ctx, in)
	if err != nil {
		return err
	}
	if group.JSON {
		return cli.JSON(std.Out, diff)
	}
	return showModelDiff(std, diff)
}

func showModelDiff(std cli.Streams, d postern.ModelListDiff) error {
	asOf := func(s postern.ModelListSource) string {
		if s.Date == "" {
			return "nothing"
		}
		text := "as of " + s.Date
		if s.Number > 0 {
			text += fmt.Sprintf(", issue %d", s.Number)
		}
		return text
	}
	fmt.Fprintf(std.Out, "%s: %s -> %s\n", sourceWords[d.To.Source], asOf(d.From), asOf(d.To))
	line := func(sign, name, text string) {
		fmt.Fprintf(std.Out, "  %s %s%s\n", sign, cli.Clean(name), cli.Clean(text))
	}
	for _, m := range d.Added {
		line("+", m.Name, " ("+m.AAGUID+")")
	}
	for _, m := range d.Removed {
		line("-", m.Name, " ("+m.AAGUID+")")
	}
	for _, r := range d.Renamed {
		line("~", r.Old, " is called "+r.New+" ("+r.AAGUID+")")
	}
	for _, f := range d.Changed {
		line("~", f.Name, fmt.Sprintf(": %s %s -> %s", f.Field, cmp.Or(f.Old, "none"), cmp.Or(f.New, "none")))
	}
	for _, b := range d.Bundles {
		fmt.Fprintf(std.Out, "Bundle %s:\n", cli.Clean(b.Name))
		for _, m := range b.Added {
			line("+", m.Name, " ("+m.AAGUID+")")
		}
		for _, m := range b.Removed {
			line("-", m.Name, " ("+m.AAGUID+")")
		}
	}
	switch {
	case d.Size() == 0 && !d.Applied:
		fmt.Fprintln(std.Out, "It says what the list in use says.")
	case d.Applied:
		fmt.Fprintf(std.Out, "The list was updated: %d models added, %d removed, %d otherwise changed.\n", len(d.Added), len(d.Removed), len(d.Renamed)+len(d.Changed))
	default:
		fmt.Fprintln(std.Out, "Nothing was changed yet.")
	}
	return nil
}
