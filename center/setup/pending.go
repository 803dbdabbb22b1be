package setup

import "github.com/postern/postern/center/setup/recipe"

func pendingCurl(recipe.Want, []recipe.Step) string       { return "" }
func pendingPowerShell(recipe.Want, []recipe.Step) string { return "" }
func pendingPortal(recipe.Want, []recipe.Step) string     { return "" }
