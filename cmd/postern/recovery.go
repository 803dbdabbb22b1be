package main

import (
	"context"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

func offlineTable(empty string) table {
	return table{header: []string{"PAIRING", "WORKSTATION", "STATE", "SEAL", "CODES LEFT", "UNTIL", "PROVEN", "RECOVERY CODES", "WHY"}, empty: empty}
}

func offlineRow(o postern.OfflineSignIn) []string {
	why := o.Message
	switch {
	case why != "":
	case o.Reason != "":
		why = o.Reason
	case o.Locked:
		why = "locked"
	case o.ClockSetBack:
		why = "clock set back"
	}
	return []string{
		string(o.Pairing), o.Workstation, string(o.State), o.Seal, fmt.Sprintf("%d of %d", o.CodesLeft, o.Codes), when(o.ExpiresAt), whenever(o.ProvenAt),
		fmt.Sprint(o.RecoveryLeft), why,
	}
}

type usersOfflineCmd struct{ who }

// Run lists what the workstations of a user have.
func (cmd *usersOfflineCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	all, err := c.OfflineOfUser(ctx, u.ID)
	if err != nil {
		return err
	}
	return showList(std, group.JSON, all, offlineTable(u.UPN+" cannot sign in offline anywhere."), offlineRow)
}

// workstationsOfflineCmd is what a workstation has for signing in offline.
type workstationsOfflineCmd struct {
	List workstationsOfflineListCmd `cmd:"" help:"List the offline passkeys of a workstation."`
	End  workstationsOfflineEndCmd  `cmd:"" help:"Take the offline passkey of a pairing away."`
}

type workstationsOfflineListCmd struct {
	Workstation string `arg:"" help:"Identifier of the workstation."`
}

// Run lists them.
func (cmd *workstationsOfflineListCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	all, err := c.OfflineOfWorkstation(ctx, postern.WorkstationID(cmd.Workstation))
	if err != nil {
		return err
	}
	return showList(std, group.JSON, all, offlineTable("Nobody can sign in offline at this workstation."), offlineRow)
}

type workstationsOfflineEndCmd struct {
	Pairing string `arg:"" help:"Identifier of the pairing; write -- before one that begins with a dash."`
	Note    string `help:"Why, for the audit trail." placeholder:"TEXT"`
	sure
}

// Run takes one away.
func (cmd *workstationsOfflineEndCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Take the offline passkey of the pairing %s away?", cmd.Pairing)); err != nil {
		return err
	}
	o, err := c.EndOffline(ctx, postern.PairingID(cmd.Pairing), postern.UserActInput{Note: cmd.Note})
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "It is deleted at Entra. A workstation that is offline hears of it when it is online again. Phone and pairing stay.")
	return showFields(std, group.JSON, o, field{"Pairing", string(o.Pairing)}, field{"Workstation", o.Workstation}, field{"State", string(o.State)}, field{"Reason", o.Reason})
}

// recoveryCmd is everything about recovery codes.
type recoveryCmd struct {
	remote
	Ask      recoveryAskCmd      `cmd:"" help:"Ask for a recovery code for the workstation of a pairing."`
	List     recoveryListCmd     `cmd:"" help:"List recoveries, never with their codes."`
	Approve  recoveryApproveCmd  `cmd:"" help:"Agree to a recovery code that somebody else asked for."`
	Reject   recoveryRejectCmd   `cmd:"" help:"Refuse a recovery code."`
	Withdraw recoveryWithdrawCmd `cmd:"" help:"Withdraw a recovery whose code nobody has seen."`
	Code     recoveryCodeCmd     `cmd:"" help:"Show a recovery code, once, to who asked for it."`
}

type recoveryAskCmd struct {
	Pairing string `arg:"" help:"Identifier of the pairing; postern pairings list shows it."`
	Note    string `help:"Why." required:"" placeholder:"TEXT"`
}

func showRecovery(std cli.Streams, asJSON bool, r postern.Recovery) error {
	return showFields(std, asJSON, r, field{"ID", string(r.ID)}, field{"State", string(r.State)}, field{"User", r.User}, field{"Workstation", r.Workstation},
		field{"Privileged", yesNo(r.Privileged)}, field{"Reason", r.Note}, field{"Asked by", r.RequestedBy}, field{"Decided by", r.DecidedBy}, field{"Until", when(r.ExpiresAt)})
}

// Run asks.
func (cmd *recoveryAskCmd) Run(ctx context.Context, std cli.Streams, group *recoveryCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	r, err := c.Recover(ctx, postern.PairingID(cmd.Pairing), postern.RecoveryInput{Note: cmd.Note})
	if err != nil {
		return err
	}
	next := "Show the code with: postern recovery code " + string(r.ID)
	if r.State == postern.RecoveryWaiting {
		next = "The user holds a privileged role: a second person agrees with: postern recovery approve " + string(r.ID)
	}
	fmt.Fprintln(std.Err, next)
	return showRecovery(std, group.JSON, r)
}

type recoveryListCmd struct {
	within
	State string `help:"Only those: waiting, ready, shown, used, rejected or withdrawn." placeholder:"STATE"`
}

// Run lists recoveries.
func (cmd *recoveryListCmd) Run(ctx context.Context, std cli.Streams, group *recoveryCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	f := postern.RecoveryFilter{State: postern.RecoveryState(cmd.State)}
	if cmd.Integration != "" {
		i, err := find(ctx, c, cmd.Integration)
		if err != nil {
			return err
		}
		f.IntegrationID = i.ID
	}
	all, err := c.Recoveries(ctx, f)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "STATE", "USER", "WORKSTATION", "ASKED BY", "DECIDED BY", "ASKED", "REASON"}, empty: "Nobody asked for a recovery code."}
	return showList(std, group.JSON, all, t, func(r postern.Recovery) []string {
		return []string{string(r.ID), string(r.State), r.User, r.Workstation, r.RequestedBy, r.DecidedBy, when(r.CreatedAt), r.Note}
	})
}

// recoveryStep is a step of a recovery, with a reason.
type recoveryStep struct {
	Recovery string `arg:"" help:"Identifier of the recovery."`
	Note     string `help:"Why." required:"" placeholder:"TEXT"`
}

func (s recoveryStep) run(ctx context.Context, std cli.Streams, group *recoveryCmd, do func(*postern.Client, context.Context, postern.RecoveryID, postern.RecoveryInput) (postern.Recovery, error)) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	r, err := do(c, ctx, postern.RecoveryID(s.Recovery), postern.RecoveryInput{Note: s.Note})
	if err != nil {
		return err
	}
	return showRecovery(std, group.JSON, r)
}

type recoveryApproveCmd struct{ recoveryStep }

// Run agrees.
func (cmd *recoveryApproveCmd) Run(ctx context.Context, std cli.Streams, group *recoveryCmd) error {
	return cmd.run(ctx, std, group, (*postern.Client).ApproveRecovery)
}

type recoveryRejectCmd struct{ recoveryStep }

// Run refuses.
func (cmd *recoveryRejectCmd) Run(ctx context.Context, std cli.Streams, group *recoveryCmd) error {
	return cmd.run(ctx, std, group, (*postern.Client).RejectRecovery)
}

type recoveryWithdrawCmd struct{ recoveryStep }

// Run withdraws.
func (cmd *recoveryWithdrawCmd) Run(ctx context.Context, std cli.Streams, group *recoveryCmd) error {
	return cmd.run(ctx, std, group, (*postern.Client).WithdrawRecovery)
}

type recoveryCodeCmd struct {
	Recovery string `arg:"" help:"Identifier of the recovery."`
}

// Run shows the code.
func (cmd *recoveryCodeCmd) Run(ctx context.Context, std cli.Streams, group *recoveryCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	r, err := c.RecoveryCode(ctx, postern.RecoveryID(cmd.Recovery))
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "Tell it to %s by voice, for %s. It is not shown again.\n", r.Recovery.User, r.Recovery.Workstation)
	return showFields(std, group.JSON, r, field{"Code", r.Code}, field{"User", r.Recovery.User}, field{"Workstation", r.Recovery.Workstation})
}
