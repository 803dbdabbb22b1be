package doctor

import (
	"fmt"
	"time"

	"github.com/postern/postern"
)

const (
	// oldestPostgreSQL is the oldest major version that its makers still mend.
	oldestPostgreSQL = 14
	lagWarns         = 30 * time.Second
	backupWarns      = 8 * 24 * time.Hour
	// checkpointWarns is twice and a half what lies between checkpoints.
	checkpointWarns = 150 * time.Minute
	// diskFails and diskWarns are shares of a file system that should be free.
	diskFails = 0.02
	diskWarns = 0.10
	// diskEnough is free space of which no share is too little.
	diskEnough = 20 << 30
)

func database(f Server) []postern.Finding {
	if f.DatabaseErr != nil {
		return []postern.Finding{bad(postern.FindingFailure, "The database does not answer.", "Nothing works without it.", "See whether it runs, and what Postern's log says of it.", "")}
	}
	d := f.Database
	name := "SQLite"
	if d.Kind != "sqlite" {
		name = "PostgreSQL"
	}
	found := ok("%s %s answers; the database has %s.", name, d.Version, size(d.Size))
	if d.ReadOnly {
		found = append(found, bad(postern.FindingFailure, "The database is a standby and takes no writes.", "Nothing can be changed until another server is the primary.",
			"Point the setting database to the primary; with several hosts in it add target_session_attrs=read-write.", ""))
	}
	if d.Kind != "sqlite" && d.Major > 0 && d.Major < oldestPostgreSQL {
		found = append(found, bad(postern.FindingWarning, fmt.Sprintf("PostgreSQL %d gets no corrections any more.", d.Major), "Faults that are found in it stay.", "Upgrade PostgreSQL; any supported version will do.", "https://www.postgresql.org/support/versioning/"))
	}
	if d.Replicas > 0 {
		if d.Lag >= lagWarns {
			found = append(found, bad(postern.FindingWarning, fmt.Sprintf("A standby of the database is %s behind.", span(d.Lag)), "What was written since is lost if the primary dies now.",
				"See pg_stat_replication on the primary, and whether the standby keeps up.", ""))
		} else {
			found = append(found, postern.Finding{State: postern.FindingOK, Message: fmt.Sprintf("%d standby servers follow the database.", d.Replicas)})
		}
	}
	return found
}

func disk(f Server) []postern.Finding {
	var found []postern.Finding
	for _, d := range f.Disks {
		free := float64(d.Free) / float64(max(d.Total, 1))
		if free >= diskWarns || d.Free >= diskEnough {
			found = append(found, postern.Finding{State: postern.FindingOK, Subject: d.Path, Message: fmt.Sprintf("%s is free at %s.", size(int64(min(d.Free, 1<<62))), d.Path)})
			continue
		}
		state := postern.FindingWarning
		if free < diskFails {
			state = postern.FindingFailure
		}
		b := bad(state, fmt.Sprintf("Only %s is free at %s, %.0f percent.", size(int64(min(d.Free, 1<<62))), d.Path, free*100), "On a full disk nothing can be written, and then nothing works.",
			"Make room or enlarge the file system. Old archives in the folder backups can be moved away.", "")
		b.Subject = d.Path
		found = append(found, b)
	}
	return found
}

func keyFile(f Server) []postern.Finding {
	k := f.Key
	switch {
	case k.Err != "":
		return []postern.Finding{bad(postern.FindingFailure, "The key file cannot be read: "+k.Err+".", "Without it Postern does not start again, and no stored credential can be opened.",
			"Bring back the copy of "+k.Path+" that is kept apart from the backups.", "")}
	case k.Open:
		return []postern.Finding{bad(postern.FindingFailure, "Others than its owner may read the key file "+k.Path+".", "With it and a copy of the database anybody has the credentials of all tenants.",
			"Run chmod 600 "+k.Path+". If others may have read it, replace the tenants' credentials.", "")}
	case k.Beside:
		return []postern.Finding{bad(postern.FindingWarning, "The key file lies in the folder of the backups.", "Who takes the backups has the key, too.", "Move it elsewhere and set key_file.", "")}
	}
	return ok("Only its owner may read the key file %s.", k.Path)
}

func backups(f Server) []postern.Finding {
	b := f.Backups
	next := "Run postern backup every day, for example by a timer, and keep the archives on another machine. If backups are made another way, move on."
	why := "If the database is lost, so is which passkeys are Postern's, the audit trail and every pairing."
	switch {
	case b.Err != "":
		return []postern.Finding{bad(postern.FindingUnknown, "The folder of backups cannot be read: "+b.Err+".", why, next, "")}
	case b.Count == 0:
		return []postern.Finding{bad(postern.FindingNote, "No backup lies in "+b.Folder+".", why+" Backups that are made elsewhere cannot be seen from here.", next, "")}
	case f.Now.Sub(b.Last) > backupWarns:
		return []postern.Finding{bad(postern.FindingWarning, fmt.Sprintf("The last backup in %s is from %s.", b.Folder, day(b.Last)), why, next, "")}
	}
	return ok("The last backup in %s is from %s.", b.Folder, day(b.Last))
}

func jobs(f Server) []postern.Finding {
	if f.JobsErr != nil {
		return unreadable("The jobs")
	}
	var found []postern.Finding
	t := f.Jobs
	if t.Runners == 0 {
		found = append(found, bad(postern.FindingFailure, "No process runs jobs.", "Passkeys are neither registered nor deleted, and no message is sent.", "Start postern serve; see its log if it runs.", ""))
	}
	if t.Waiting > 0 {
		found = append(found, bad(postern.FindingWarning, fmt.Sprintf("%d jobs have been waiting since %s.", t.Waiting, clockTime(t.Oldest)), "What they should do in Entra comes late.",
			"See the log for what the running jobs wait for. If there are simply many, raise workers.", ""))
	}
	for _, c := range t.GivenUp {
		b := bad(postern.FindingWarning, fmt.Sprintf("%d jobs of the kind %s were given up since yesterday.", c.Jobs, c.Kind), "They were tried until no attempt was left; what they should do was not done.",
			"See what the audit trail says of them, mend the cause, and ask again for what should be done.", "/audit?outcome=failure")
		b.Subject = c.Kind
		found = append(found, b)
	}
	if found == nil {
		return ok("Jobs are being worked, and none was given up since yesterday.")
	}
	return found
}

func trail(f Server) []postern.Finding {
	switch t := f.Trail; {
	case f.TrailErr != nil:
		return unreadable("The audit trail")
	case t.Forged:
		return []postern.Finding{bad(postern.FindingFailure, "The last checkpoint in the database was not signed by this Postern.", "Somebody changed it, or the database belongs to another key file.",
			"Verify the audit trail against a checkpoint that was kept elsewhere: postern audit verify with it.", "/about")}
	case !t.Since.IsZero() && f.Now.Sub(t.Since) > checkpointWarns:
		return []postern.Finding{bad(postern.FindingWarning, fmt.Sprintf("The audit trail has had no checkpoint since %s.", clockTime(t.Since)), "Entries since then could be rewritten without a trace.",
			"See the check jobs: a job makes a checkpoint every hour. postern audit checkpoint makes one now.", "/about")}
	}
	return ok("The audit trail has %d entries, and its last checkpoint covers %d of them.", f.Trail.Entries, f.Trail.Covered)
}

func streams(f Server) []postern.Finding {
	if f.StreamsErr != nil {
		return unreadable("The streams of the audit trail")
	}
	var found []postern.Finding
	for _, s := range f.Streams {
		link := "/audit/streams/" + string(s.ID)
		var b postern.Finding
		switch s.State {
		case postern.StreamFailing:
			b = bad(postern.FindingFailure, fmt.Sprintf("The stream “%s” does not deliver: %s", s.Name, s.Problem), "The other system misses what happens; nothing is lost meanwhile.",
				"Mend the other system or the stream's settings; it goes on by itself from where it stopped.", link)
		case postern.StreamPaused:
			b = bad(postern.FindingNote, fmt.Sprintf("The stream “%s” is paused, %d entries behind.", s.Name, s.Lag), "", "Resume it when the other system is ready.", link)
		default:
			b = postern.Finding{State: postern.FindingOK, Message: fmt.Sprintf("The stream “%s” delivers.", s.Name)}
		}
		b.Subject = s.Name
		found = append(found, b)
	}
	return found
}
