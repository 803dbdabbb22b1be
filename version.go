package postern

import "runtime/debug"

// VersionHeader is the header in which a control center tells its version, at /healthz; agents compare theirs with it.
const VersionHeader = "Postern-Version"

// version is set by the linker for releases.
var version = ""

// Version is the version of this build: what the release named it, or the revision it was built from.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
