package powershell

import (
	"slices"
	"testing"
)

const list = `# A list for this test.
Connect-MgGraph	Scopes	here
Get-Date		here
Invoke-MgGraphRequest	Method Uri	here
New-MgUser	BodyParameter	here
Write-Host		here
`

// What PowerShell would not read, and what is not documented, is found.
func TestCheckFinds(t *testing.T) {
	known := Documented([]byte(list))
	for _, good := range []string{
		"Write-Host 'it''s'", "$a = @'\nfree ' text\n'@\nWrite-Host $a", "if ($a -eq 1) { Write-Host \"$($a.b) `$5\" }", "<# a { comment #> Write-Host 'x' # }",
		"function Do-It { param([string] $Name) Write-Host $Name }\nDo-It -Name 'x'", "$x = @{ 'Key' = Get-Date; b = 2 }\nConnect-MgGraph @x", "Write-Host 'a’’b'",
		"$x = [ordered]@{ A = [int] $b.c; Name = Get-Date }", "function Say($text) { Write-Host $text }\nSay -text 5", "if ($a -contains $_.b -or $c -like 'd*') { Get-Date | Write-Host }",
	} {
		if problems, _ := Check(good, known); len(problems) > 0 {
			t.Errorf("%q: %v", good, problems)
		}
	}
	for _, bad := range []string{
		"Write-Host 'open", "Write-Host 'it's'", "Write-Host \"open", "if ($a) { Write-Host 'x'", "Write-Host 'x' }", "$a = @('x'", "($a]", "Write-Host \"$ \"", "<# open",
		"$a = @'\nopen", "$a = @' x\n'@", "New-MgNothing -BodyParameter $b", "New-MgUser -Body $b", "$x = Get-Nothing", "foreach ($a in $b) { Remove-Everything }",
		"Invoke-MgGraphRequest -Methode GET", "function Do-It { param([string] $Name) Write-Host $Name }\nDo-It -Nam 'x'", "$y = (Frobnicate 'x')", "Write-Host 'a’b'", "~", "$x = @{ A = Get-Nothing; B = 1 }", "$x = @{ A = 1 | Get-Nothing }", "Get-Date -Size 5; Get-Date", "Get-Date; Get-Date -Size 5", "function Say($text) { Write-Host $text }\nSay -loud 5", "-Size 5", "Write-Host \"$(Frob)\"",
	} {
		if problems, _ := Check(bad, known); len(problems) == 0 {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestUnused(t *testing.T) {
	known := Documented([]byte(list))
	_, first := Check("Get-Date | Write-Host", known)
	_, second := Check("function New-MgGroup { }\nNew-MgGroup\nNew-MgUser -BodyParameter $x", known)
	if got := Unused(known, first, second); !slices.Equal(got, []string{"Connect-MgGraph", "Invoke-MgGraphRequest"}) {
		t.Errorf("%q", got)
	}
}
