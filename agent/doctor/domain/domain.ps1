<#
.SYNOPSIS
Reads what signing in with security keys needs of an Active Directory domain, and writes one JSON file. Changes nothing.

.DESCRIPTION
Run it in Windows PowerShell 5.1 or later as an account that may read the registry of the domain controllers (Domain Admins),
on a domain controller or on a machine with the ActiveDirectory module (RSAT). With the module
AzureADHybridAuthenticationManagement and -UserPrincipalName of a Hybrid Identity Administrator it also reads Microsoft Entra's
half of the Kerberos server object; that asks you to sign in.

Then run: postern-agent doctor --domain FILE

.PARAMETER Domain
DNS name of the domain; this machine's own if left out.
.PARAMETER UserPrincipalName
Hybrid Identity Administrator, to read the half of Microsoft Entra.
.PARAMETER User
Accounts (sAMAccountName) whose sign-in is to be looked at.
.PARAMETER OutFile
Where to write.
#>
[CmdletBinding()]
param(
    [string] $Domain = $env:USERDNSDOMAIN,
    [string] $UserPrincipalName = '',
    [string[]] $User = @(),
    [string] $OutFile = 'postern-domain.json'
)
$ErrorActionPreference = 'Stop'
Import-Module -Name ActiveDirectory

function Get-Moment($value) {
    if ($value) { return ([datetime] $value).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', [Globalization.CultureInfo]::InvariantCulture) }
    return $null
}

$report = [ordered]@{
    Format = 'postern-domain-report/1'; Written = Get-Moment (Get-Date); Domain = $Domain
    Controllers = @(); Server = $null; ServerError = ''; Object = $null; ObjectError = ''; Accounts = @()
}

foreach ($dc in @(Get-ADDomainController -Filter * -Server $Domain)) {
    $one = [ordered]@{
        Name = $dc.HostName; OperatingSystem = $dc.OperatingSystem; Site = $dc.Site; ReadOnly = [bool] $dc.IsReadOnly
        Build = 0; Revision = 0; Hotfixes = @(); EncryptionTypes = $null; Error = ''
    }
    try {
        $seen = Invoke-Command -ComputerName $dc.HostName -ScriptBlock {
            $version = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
            $kerberos = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\Kerberos\Parameters' -ErrorAction SilentlyContinue
            @{
                Build = [int] $version.CurrentBuild; Revision = [int] $version.UBR; EncryptionTypes = $kerberos.SupportedEncryptionTypes
                Hotfixes = @(Get-CimInstance -ClassName Win32_QuickFixEngineering | ForEach-Object { $_.HotFixID })
            }
        }
        $one.Build = $seen.Build; $one.Revision = $seen.Revision; $one.EncryptionTypes = $seen.EncryptionTypes; $one.Hotfixes = @($seen.Hotfixes)
    } catch { $one.Error = $_.Exception.Message }
    $report.Controllers += $one
}

try {
    $object = Get-ADComputer -Identity 'AzureADKerberos' -Server $Domain -Properties 'msDS-NeverRevealGroup', 'msDS-RevealOnDemandGroup', 'msDS-KrbTgtLink'
    $report.Object = [ordered]@{
        DistinguishedName = $object.DistinguishedName; Enabled = [bool] $object.Enabled; KeyAccount = [string] $object.'msDS-KrbTgtLink'
        NeverReveal = @($object.'msDS-NeverRevealGroup' | ForEach-Object { [string] $_ }); RevealOnDemand = @($object.'msDS-RevealOnDemandGroup' | ForEach-Object { [string] $_ })
    }
} catch { $report.ObjectError = $_.Exception.Message }

if ($UserPrincipalName) {
    try {
        Import-Module -Name AzureADHybridAuthenticationManagement
        $server = Get-AzureADKerberosServer -Domain $Domain -UserPrincipalName $UserPrincipalName
        if ($server) {
            $report.Server = [ordered]@{
                Id = [string] $server.Id; DomainDnsName = $server.DomainDnsName; ComputerAccount = $server.ComputerAccount; UserAccount = $server.UserAccount
                KeyVersion = [string] $server.KeyVersion; KeyUpdatedOn = Get-Moment $server.KeyUpdatedOn; KeyUpdatedFrom = $server.KeyUpdatedFrom
                CloudId = [string] $server.CloudId; CloudDomainDnsName = $server.CloudDomainDnsName; CloudKeyVersion = [string] $server.CloudKeyVersion
                CloudKeyUpdatedOn = Get-Moment $server.CloudKeyUpdatedOn
            }
        }
    } catch { $report.ServerError = $_.Exception.Message }
} else { $report.ServerError = 'Not asked: run the script again with -UserPrincipalName of a Hybrid Identity Administrator.' }

foreach ($name in $User) {
    $one = [ordered]@{ Name = $name; Enabled = $false; PasswordExpired = $false; Groups = @(); Error = '' }
    try {
        $account = Get-ADUser -Identity $name -Server $Domain -Properties Enabled, PasswordExpired
        $groups = @(Get-ADAccountAuthorizationGroup -Identity $account -Server $Domain)
        $one.Enabled = [bool] $account.Enabled; $one.PasswordExpired = [bool] $account.PasswordExpired
        $one.Groups = @($groups | ForEach-Object { $_.DistinguishedName })
    } catch { $one.Error = $_.Exception.Message }
    $report.Accounts += $one
}

$report | ConvertTo-Json -Depth 5 | Out-File -FilePath $OutFile -Encoding utf8
Write-Output "Written: $OutFile. Judge it with: postern-agent doctor --domain $OutFile"
