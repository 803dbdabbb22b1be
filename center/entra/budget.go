package entra

// Budget paces the calls of one application in one tenant.
type Budget struct{}

// NewBudget returns a budget with the limits that Graph publishes.
func NewBudget() *Budget { return &Budget{} }
