#Requires -Version 7.0
#Requires -Modules Microsoft.Graph.Applications
#Requires -Modules Microsoft.Graph.Authentication
#Requires -Modules Microsoft.Graph.DeviceManagement
#Requires -Modules Microsoft.Graph.Identity.Governance
#Requires -Modules Microsoft.Graph.Identity.SignIns
#Requires -Modules Microsoft.Graph.Users

<#
.SYNOPSIS
    Sets a Microsoft Entra tenant up for Postern.

.DESCRIPTION
    The steps of the set-up sup_example, with the Microsoft Graph PowerShell SDK. The script may be run again;
    what is there already is left as it is.

    - Register an application
    - Make its enterprise application
    - Say which permissions it asks for
    - Grant admin consent
    - Make a client secret
    - Make the service account
    - Enable passkeys
    - Allow security keys at the Windows sign-in screen
    - Assign it to devices

.PARAMETER ApplicationName
    The display name of the app registration.

.PARAMETER TenantId
    Directory (tenant) ID or a domain of the tenant. Without it, the tenant of whoever signs in.

.PARAMETER Patience
    How many seconds to wait until Entra shows everywhere what was made.

.PARAMETER ServiceAccountPassword
    The password of the service account. Asked for if it is not given.

.EXAMPLE
    ./postern-setup.ps1 -ApplicationName 'Postern'

.LINK
    https://learn.microsoft.com/powershell/microsoftgraph/installation
#>
[CmdletBinding()]
param(
    [string] $ApplicationName = 'Postern',
    [string] $TenantId = '',
    [securestring] $ServiceAccountPassword,
    [int] $Patience = 120
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# --- what the steps below use ----------------------------------------------------------------------------------------

function Write-Step {
    param([string] $Text)
    Write-Host ''
    Write-Host "== $Text"
}

# All pages of a list.
function Get-List {
    param([string] $Uri)
    $items = [System.Collections.Generic.List[object]]::new()
    while ($Uri) {
        $page = Invoke-MgGraphRequest -Method GET -Uri $Uri -OutputType PSObject
        foreach ($item in $page.value) { $items.Add($item) }
        $Uri = $null
        if ($page.PSObject.Properties['@odata.nextLink']) { $Uri = $page.'@odata.nextLink' }
    }
    return , $items.ToArray()
}

# What a path leads to, as JSON. With [] in it the path stands for all the texts it leads to, sorted.
function Read-Path {
    param($Object, [string] $Path)
    $values = @(, $Object)
    $many = $false
    foreach ($part in $Path.Split('.')) {
        $each = $part.EndsWith('[]')
        $name = $part.Replace('[]', '')
        if ($each) { $many = $true }
        $next = [System.Collections.Generic.List[object]]::new()
        foreach ($value in $values) {
            $member = $null
            if ($null -ne $value -and $value.PSObject.Properties[$name]) { $member = $value.PSObject.Properties[$name].Value }
            if (-not $each) { $next.Add($member) }
            elseif ($null -ne $member) { foreach ($item in @($member)) { $next.Add($item) } }
        }
        $values = $next.ToArray()
    }
    if (-not $many) { return ConvertTo-Json -InputObject $values[0] -Compress -Depth 20 }
    $texts = [string[]] @(foreach ($value in $values) {
            if ($value -is [string]) { $value } else { ConvertTo-Json -InputObject $value -Compress -Depth 20 }
        })
    [array]::Sort($texts, [System.StringComparer]::Ordinal)
    return ConvertTo-Json -InputObject $texts -Compress
}

# Whether members have one of the values, written as JSON, that they may have.
function Test-Member {
    param($Object, [System.Collections.IDictionary] $May)
    foreach ($path in $May.Keys) {
        if ($May[$path] -cnotcontains (Read-Path $Object $path)) { return $false }
    }
    return $true
}

# Ends the script unless they have.
function Assert-Member {
    param($Object, [System.Collections.IDictionary] $May)
    foreach ($path in $May.Keys) {
        if ($May[$path] -cnotcontains (Read-Path $Object $path)) {
            throw "$path is not what it was when this script was made, or what an untouched tenant has. Nothing more was written. Sign in to the set-up, let it look at the tenant, and get the script again."
        }
    }
}

# The first item whose members have the values.
function Find-Item {
    param($Items, [System.Collections.IDictionary] $May)
    foreach ($item in $Items) {
        if (Test-Member $item $May) { return $item }
    }
    return $null
}

# Does something. With -Late a refusal may mean that something made a moment ago does not show everywhere yet, and it is
# tried again; a refusal with the words says that it is there already.
function Invoke-Patiently {
    param([scriptblock] $Action, [switch] $Late, [string] $Words = '')
    $until = (Get-Date).AddSeconds($Patience)
    while ($true) {
        try {
            return & $Action
        }
        catch {
            if ($Words -and "$_".Contains($Words)) { return $null }
            if (-not $Late -or (Get-Date) -ge $until) { throw }
            Write-Host '   Entra does not show everything yet; trying again.'
            Start-Sleep -Seconds 5
        }
    }
}

# --- the steps ------------------------------------------------------------------------------------------------------

Write-Step 'Sign in'
$Scopes = @(
    'AppRoleAssignment.ReadWrite.All'
    'Application.ReadWrite.All'
    'DelegatedPermissionGrant.ReadWrite.All'
    'DeviceManagementConfiguration.ReadWrite.All'
    'Domain.Read.All'
    'Organization.Read.All'
    'Policy.Read.All'
    'Policy.ReadWrite.AuthenticationMethod'
    'RoleManagement.ReadWrite.Directory'
    'User.ReadWrite.All'
)
if ($TenantId) {
    Connect-MgGraph -Scopes $Scopes -TenantId $TenantId -NoWelcome
}
else {
    Connect-MgGraph -Scopes $Scopes -NoWelcome
}
$SignedInTenant = (Get-MgContext).TenantId

# Register an application
# Postern calls Microsoft Graph as an application of your tenant. Only accounts of your tenant can use it, and
# it has no rights before you consent to some.
Write-Step 'Register an application'
$Found = Find-Item (Get-List -Uri 'v1.0/applications?$filter=tags%2Fany%28t%3At%20eq%20%27postern-setup%3Asup_example%27%29&$select=id,appId') @{ }
if ($null -ne $Found) {
    Write-Host '   It is there already.'
    $ApplicationId = $Found.id
    $ClientId = $Found.appId
}
else {
    $Body = @{
        'displayName' = $ApplicationName
        'isFallbackPublicClient' = $true
        'notes' = 'Made by the set-up sup_example of Postern.'
        'publicClient' = @{
            'redirectUris' = @(
                'https://login.microsoftonline.com/common/oauth2/nativeclient'
            )
        }
        'signInAudience' = 'AzureADMyOrg'
        'tags' = @(
            'postern-setup:sup_example'
        )
        'web' = @{
            'redirectUris' = @()
        }
    }
    $Answer = Invoke-Patiently -Action { New-MgApplication -BodyParameter $Body }
    $ApplicationId = $Answer.id
    $ClientId = $Answer.appId
}

# Make its enterprise application
# Rights are given to the enterprise application (service principal), which stands for the app registration in
# your tenant.
Write-Step 'Make its enterprise application'
$Found = Find-Item (Get-List -Uri "v1.0/servicePrincipals?`$filter=appId%20eq%20%27$($ClientId)%27&`$select=id") @{ }
if ($null -ne $Found) {
    Write-Host '   It is there already.'
    $ServicePrincipalId = $Found.id
}
else {
    $Body = @{
        'appId' = $ClientId
    }
    $Answer = Invoke-Patiently -Action { New-MgServicePrincipal -BodyParameter $Body } -Late
    $ServicePrincipalId = $Answer.id
}

# Say which permissions it asks for
# The list on the page API permissions: exactly what the permission set legacy needs, each of the right type.
# The default permission User.Read is not among them.
Write-Step 'Say which permissions it asks for'
$Body = @{
    'requiredResourceAccess' = @(
        @{
            'resourceAccess' = @(
                @{
                    'id' = '0e263e50-5827-48a4-b97c-d940288653c7'
                    'type' = 'Scope'
                }
                @{
                    'id' = 'b7887744-6746-4312-813d-72daeaee7e2d'
                    'type' = 'Scope'
                }
            )
            'resourceAppId' = '00000003-0000-0000-c000-000000000000'
        }
    )
}
$null = Invoke-Patiently -Action { Update-MgApplication -ApplicationId $ApplicationId -BodyParameter $Body } -Late

# Grant admin consent
# Permissions have no effect before an administrator consents to them for the whole tenant. Entra shows them as
# granted then, and each is read back with its type.
Write-Step 'Grant admin consent'
$Found = Invoke-MgGraphRequest -Method GET -Uri 'v1.0/servicePrincipals(appId=''00000003-0000-0000-c000-000000000000'')?$select=id' -OutputType PSObject
if ($null -eq $Found) { throw 'Could not find Microsoft Graph in the tenant.' }
$GraphId = $Found.id
$Found = Find-Item (Get-List -Uri "v1.0/oauth2PermissionGrants?`$filter=clientId%20eq%20%27$($ServicePrincipalId)%27") @{ 'resourceId' = @((ConvertTo-Json -InputObject $GraphId -Compress)); 'consentType' = @('"AllPrincipals"') }
if ($null -ne $Found) {
    Write-Host '   It is there already.'
    $GrantId = $Found.id
}
else {
    $Body = @{
        'clientId' = $ServicePrincipalId
        'consentType' = 'AllPrincipals'
        'principalId' = $null
        'resourceId' = $GraphId
        'scope' = 'Directory.AccessAsUser.All UserAuthenticationMethod.ReadWrite.All'
    }
    $Answer = Invoke-Patiently -Action { New-MgOauth2PermissionGrant -BodyParameter $Body } -Late
    $GrantId = $Answer.id
}

# Make a client secret
# Postern proves itself with a secret that Entra makes. Entra shows it once and never again; it ends after 180
# days. A certificate is the safer choice.
Write-Step 'Make a client secret'
$Found = Find-Item (Invoke-MgGraphRequest -Method GET -Uri "v1.0/applications/$($ApplicationId)?`$select=passwordCredentials" -OutputType PSObject).passwordCredentials @{ 'displayName' = @('"Postern sup_example"') }
if ($null -ne $Found) {
    Write-Host '   There is one already. If nobody has its value any more, remove it under Certificates & secrets and run this again.'
}
else {
    $Body = @{
        'passwordCredential' = @{
            'displayName' = 'Postern sup_example'
            'endDateTime' = '2027-05-22T12:00:00Z'
        }
    }
    $Answer = Invoke-Patiently -Action { Add-MgApplicationPassword -ApplicationId $ApplicationId -BodyParameter $Body } -Late
    Set-Content -Path 'postern-client-secret.txt' -Value $Answer.secretText -NoNewline
    Write-Host '   The client secret is in the file postern-client-secret.txt. Entra does not show it again; delete the file once Postern has it.'
    $ClientSecretId = $Answer.keyId
}

# Make the service account
# The legacy set works with the rights of a user instead of the application's own. The account needs the roles
# Directory Writers, to make the groups, keep their members, and read users, and Privileged Authentication
# Administrator, to register, list and delete passkeys, of administrators too, as long as the integration lives.
# It signs in with its password alone: a Conditional Access policy that asks everybody for multifactor
# authentication must exclude it.
Write-Step 'Make the service account'
$Found = Find-Item (Get-List -Uri 'v1.0/domains') @{ 'isInitial' = @('true') }
if ($null -eq $Found) { throw 'Could not find the tenant''s own domain.' }
$InitialDomain = $Found.id
$Found = Find-Item (Get-List -Uri "v1.0/users?`$filter=userPrincipalName%20eq%20%27postern-service%40$($InitialDomain)%27&`$select=id,jobTitle") @{ 'jobTitle' = @('"postern-setup:sup_example"') }
if ($null -ne $Found) {
    Write-Host '   It is there already.'
    $ServiceAccountId = $Found.id
}
else {
    if ($null -eq $ServiceAccountPassword) {
        $ServiceAccountPassword = Read-Host -Prompt 'Password for the service account, long and kept for Postern alone' -AsSecureString
    }
    $PlainPassword = [System.Net.NetworkCredential]::new('', $ServiceAccountPassword).Password
    $Body = @{
        'accountEnabled' = $true
        'displayName' = 'Postern Service Account'
        'jobTitle' = 'postern-setup:sup_example'
        'mailNickname' = 'postern-service'
        'passwordPolicies' = 'DisablePasswordExpiration'
        'passwordProfile' = @{
            'forceChangePasswordNextSignIn' = $false
            'password' = $PlainPassword
        }
        'userPrincipalName' = "postern-service@$($InitialDomain)"
    }
    $Answer = Invoke-Patiently -Action { New-MgUser -BodyParameter $Body }
    $ServiceAccountId = $Answer.id
}
$Found = Find-Item (Get-List -Uri "v1.0/roleManagement/directory/roleAssignments?`$filter=principalId%20eq%20%27$($ServiceAccountId)%27") @{ 'roleDefinitionId' = @('"9360feb5-f418-4baa-8175-e2a00bac4301"') }
if ($null -ne $Found) {
    Write-Host '   It is there already.'
}
else {
    $Body = @{
        'directoryScopeId' = '/'
        'principalId' = $ServiceAccountId
        'roleDefinitionId' = '9360feb5-f418-4baa-8175-e2a00bac4301'
    }
    $null = Invoke-Patiently -Action { New-MgRoleManagementDirectoryRoleAssignment -BodyParameter $Body } -Late -Words 'A conflicting object with one or more of the specified property values is present in the directory'
}
$Found = Find-Item (Get-List -Uri "v1.0/roleManagement/directory/roleAssignments?`$filter=principalId%20eq%20%27$($ServiceAccountId)%27") @{ 'roleDefinitionId' = @('"7be44c8a-adaf-4e2a-84d6-ab2649e08a13"') }
if ($null -ne $Found) {
    Write-Host '   It is there already.'
}
else {
    $Body = @{
        'directoryScopeId' = '/'
        'principalId' = $ServiceAccountId
        'roleDefinitionId' = '7be44c8a-adaf-4e2a-84d6-ab2649e08a13'
    }
    $null = Invoke-Patiently -Action { New-MgRoleManagementDirectoryRoleAssignment -BodyParameter $Body } -Late -Words 'A conflicting object with one or more of the specified property values is present in the directory'
}

# Enable passkeys
# The method Passkey (FIDO2) decides who may register and use passkeys. It gets enabled for all users,
# registration stays optional, and self-service set up is allowed, without which nobody can register a passkey
# for a user either. Enforce attestation is No, at least in one place: Entra attests models of the FIDO Metadata
# Service only, and phones are not in it. Restrictions get Postern's model, and nothing that anybody may do
# today is taken away.
Write-Step 'Enable passkeys'
$There = Invoke-MgGraphRequest -Method GET -Uri 'v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2' -OutputType PSObject
if (-not (Test-Member $There ([ordered] @{
        'passkeyProfiles[].id' = @('[]')
    }))) {
    # The other request is for it.
}
elseif (Test-Member $There ([ordered] @{
        'state' = @('"enabled"')
        'isSelfServiceRegistrationAllowed' = @('true')
        'isAttestationEnforced' = @('false')
        'includeTargets[].id' = @('["all_users"]')
    })) {
    Write-Host '   It is so already.'
}
else {
    Assert-Member $There ([ordered] @{
            'excludeTargets[].id' = @('[]')
            'includeTargets[].id' = @('[]', '["all_users"]')
            'keyRestrictions.isEnforced' = @('false', 'null')
        })
    $Body = @{
        '@odata.type' = '#microsoft.graph.fido2AuthenticationMethodConfiguration'
        'includeTargets' = @(
            @{
                'id' = 'all_users'
                'isRegistrationRequired' = $false
                'targetType' = 'group'
            }
        )
        'isAttestationEnforced' = $false
        'isSelfServiceRegistrationAllowed' = $true
        'state' = 'enabled'
    }
    $null = Invoke-Patiently -Action { Update-MgPolicyAuthenticationMethodPolicyAuthenticationMethodConfiguration -AuthenticationMethodConfigurationId 'fido2' -BodyParameter $Body }
}
$There = Invoke-MgGraphRequest -Method GET -Uri 'v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2' -OutputType PSObject
if ((Test-Member $There ([ordered] @{
        'passkeyProfiles[].id' = @('[]')
    }))) {
    # The other request is for it.
}
elseif (Test-Member $There ([ordered] @{
        'state' = @('"enabled"')
        'isSelfServiceRegistrationAllowed' = @('true')
    })) {
    Write-Host '   It is so already.'
}
else {
    Assert-Member $There ([ordered] @{
            'excludeTargets[].id' = @('[]')
            'includeTargets[].id' = @('["all_users"]')
            'includeTargets[].isRegistrationRequired' = @('["false"]', '["null"]')
            'passkeyProfiles[].attestationEnforcement' = @('["disabled"]')
            'passkeyProfiles[].keyRestrictions.isEnforced' = @('["false"]')
            'passkeyProfiles[].passkeyTypes' = @('["deviceBound"]', '["deviceBound,synced"]', '["synced,deviceBound"]')
        })
    $Body = @{
        '@odata.type' = '#microsoft.graph.fido2AuthenticationMethodConfiguration'
        'isSelfServiceRegistrationAllowed' = $true
        'state' = 'enabled'
    }
    $null = Invoke-Patiently -Action { Update-MgPolicyAuthenticationMethodPolicyAuthenticationMethodConfiguration -AuthenticationMethodConfigurationId 'fido2' -BodyParameter $Body }
}

# Allow security keys at the Windows sign-in screen
# Windows shows the security key at its sign-in screen only where a policy turns it on: UseSecurityKeyForSignin.
# Intune brings that to the devices. It changes nothing for those who sign in another way.
Write-Step 'Allow security keys at the Windows sign-in screen'
$Found = Find-Item (Get-List -Uri 'v1.0/deviceManagement/deviceConfigurations?$select=id,description') @{ 'description' = @('"Lets security keys sign in to Windows. Made by Postern (postern-setup:sup_example)."') }
if ($null -ne $Found) {
    Write-Host '   It is there already.'
    $WindowsId = $Found.id
}
else {
    $Body = @{
        '@odata.type' = '#microsoft.graph.windows10CustomConfiguration'
        'description' = 'Lets security keys sign in to Windows. Made by Postern (postern-setup:sup_example).'
        'displayName' = 'Postern: security keys at Windows sign-in'
        'omaSettings' = @(
            @{
                '@odata.type' = '#microsoft.graph.omaSettingInteger'
                'displayName' = 'Use security keys for sign-in'
                'omaUri' = './Device/Vendor/MSFT/PassportForWork/SecurityKey/UseSecurityKeyForSignin'
                'value' = 1
            }
        )
    }
    $Answer = Invoke-Patiently -Action { New-MgDeviceManagementDeviceConfiguration -BodyParameter $Body }
    $WindowsId = $Answer.id
}

# Assign it to devices
# An Intune setting does nothing before it is assigned. Devices take it with their next check-in, mostly within
# eight hours.
Write-Step 'Assign it to devices'
$Body = @{
    'assignments' = @(
        @{
            '@odata.type' = '#microsoft.graph.deviceConfigurationAssignment'
            'target' = @{
                '@odata.type' = '#microsoft.graph.allDevicesAssignmentTarget'
            }
        }
    )
}
$null = Invoke-Patiently -Action { Set-MgDeviceManagementDeviceConfiguration -DeviceConfigurationId $WindowsId -BodyParameter $Body } -Late

Write-Step 'Done. Tell Postern, which then connects the tenant:'
Write-Host "postern entra setup --finish sup_example --tenant-id $SignedInTenant --client-id $ClientId --client-secret-file postern-client-secret.txt --service-account-username postern-service@$InitialDomain --service-account-password-file -"
