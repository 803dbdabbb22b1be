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

