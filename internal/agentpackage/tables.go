package main

import (
	"strings"

	"github.com/postern/postern"
)

// stateFolder is where the agent keeps its state; the agent looks nowhere else.
const stateFolder = `[CommonAppDataFolder]Postern\Agent\`

// upgradeCode is what all versions have in common.
const upgradeCode = "{6F9D1C1E-33B4-4B7E-9C1F-6E5B2B9D7A10}"

// Access lists: the system and administrators, and nobody else.
const (
	folderAccess   = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	registryAccess = "D:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)"
)

// properties are those that people give on the command line.
var properties = []string{"SERVER", "INSTALLTOKEN", "INTEGRATION", "KEEPSTATE"}

// forgetting is when uninstalling takes the state away: not for a newer version, and not where it is asked to stay.
const forgetting = "REMOVE=\"ALL\" AND NOT UPGRADINGPRODUCTCODE AND NOT KEEPSTATE"

// statements add to the tables what wixl has no words for. $(ProductVersion) stands for the version.
var statements = []string{
	// A service that cannot be installed fails the installation (msidbServiceInstallErrorControlVital).
	"UPDATE `ServiceInstall` SET `ErrorControl` = 32769",
	// Another build of the same version takes the place of the one before (msidbUpgradeAttributesVersionMaxInclusive).
	"DELETE FROM `Upgrade` WHERE `ActionProperty` = 'WIX_UPGRADE_DETECTED'",
	"INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMax`, `Attributes`, `ActionProperty`) VALUES ('" + upgradeCode + "', '$(ProductVersion)', 513, 'WIX_UPGRADE_DETECTED')",

	// postern.json is copied from beside the installer, if it is there, into the folder of the state. It happens before the
	// service is started, which then finds it.
	"UPDATE `InstallExecuteSequence` SET `Sequence` = 850 WHERE `Action` = 'ResolveSource'",
	"CREATE TABLE `MoveFile` (`FileKey` CHAR(72) NOT NULL, `Component_` CHAR(72) NOT NULL, `SourceName` CHAR(255) LOCALIZABLE, " +
		"`DestName` CHAR(255) LOCALIZABLE, `SourceFolder` CHAR(72), `DestFolder` CHAR(72) NOT NULL, `Options` SHORT NOT NULL PRIMARY KEY `FileKey`)",
	"INSERT INTO `MoveFile` (`FileKey`, `Component_`, `SourceName`, `DestName`, `SourceFolder`, `DestFolder`, `Options`) " +
		"VALUES ('Configuration', 'State', '" + postern.DesktopFile + "', '" + postern.DesktopFile + "', 'SourceDir', 'DATADIR', 0)",
	"INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('MoveFiles', 3800)",

	// What is said on the command line waits in the registry for the service. The install token is a secret: it is in no log,
	// neither as a property nor as what is written, and nobody else reads it where it lies.
	"UPDATE `Property` SET `Value` = 'WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;" + strings.Join(properties, ";") + "' WHERE `Property` = 'SecureCustomProperties'",
	"INSERT INTO `Property` (`Property`, `Value`) VALUES ('MsiHiddenProperties', 'INSTALLTOKEN')",
	"UPDATE `Component` SET `Condition` = 'SERVER' WHERE `Component` = 'Server'",
	"UPDATE `Component` SET `Condition` = 'INSTALLTOKEN' WHERE `Component` = 'Token'",
	"UPDATE `Component` SET `Condition` = 'INTEGRATION' WHERE `Component` = 'Integration'",
	"CREATE TABLE `ActionText` (`Action` CHAR(72) NOT NULL, `Description` CHAR(64) LOCALIZABLE, `Template` CHAR(128) LOCALIZABLE PRIMARY KEY `Action`)",
	"INSERT INTO `ActionText` (`Action`, `Description`, `Template`) VALUES ('WriteRegistryValues', 'Writing system registry values', 'Key: [1], Name: [2]')",
	"UPDATE `Registry` SET `Value` = '#%%SystemRoot%\\System32\\EventCreate.exe' WHERE `Registry` = 'EventMessages'",

	"CREATE TABLE `MsiLockPermissionsEx` (`MsiLockPermissionsEx` CHAR(72) NOT NULL, `LockObject` CHAR(72) NOT NULL, `Table` CHAR(32) NOT NULL, " +
		"`SDDLText` CHAR(255) NOT NULL, `Condition` CHAR(255) PRIMARY KEY `MsiLockPermissionsEx`)",
	lock("StateFolder", "DATADIR", "CreateFolder", folderAccess),
	lock("ServerAccess", "ServerValue", "Registry", registryAccess),
	lock("TokenAccess", "InstallTokenValue", "Registry", registryAccess),
	lock("IntegrationAccess", "IntegrationValue", "Registry", registryAccess),

	// The state is the service's own making, and goes by name. STATEGONE is set when it is to go, before anything is counted; a
	// property without a value removes nothing.
	"INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('ForgetState', 51, 'STATEGONE', '" + stateFolder + "')",
	"INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('ForgetState', '" + forgetting + "', 750)",
	forget("State1", "agent"),
	forget("State2", "agent.key"),
	forget("State3", "AGENT~1.LOC|agent.lock"),
	forget("State4", "agent.log"),
	forget("State5", "AGENTL~1.1|agent.log.1"),
	forget("State6", "PAGE~1.JSO|page.json"),
	forget("State7", "POSTER~1.JSO|"+postern.DesktopFile),
	forget("State8", "*"), // passkeys for signing in offline, and what a later agent keeps
	"INSERT INTO `RemoveFile` (`FileKey`, `Component_`, `DirProperty`, `InstallMode`) VALUES ('StateItself', 'State', 'STATEGONE', 2)",
	"INSERT INTO `RemoveFile` (`FileKey`, `Component_`, `DirProperty`, `InstallMode`) VALUES ('Vendor', 'State', 'DATAVENDOR', 2)",
}

// forget is a file of the state. Short names come first; the file system may know it by another.
func forget(key, file string) string {
	return "INSERT INTO `RemoveFile` (`FileKey`, `Component_`, `FileName`, `DirProperty`, `InstallMode`) VALUES ('" + key + "', 'State', '" + file + "', 'STATEGONE', 2)"
}

func lock(name, object, table, access string) string {
	return "INSERT INTO `MsiLockPermissionsEx` (`MsiLockPermissionsEx`, `LockObject`, `Table`, `SDDLText`) " +
		"VALUES ('" + name + "', '" + object + "', '" + table + "', '" + access + "')"
}
