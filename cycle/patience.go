package cycle

import "time"

// SavePatience is for how long a cycle waits for its state to be saved: a tenth of the
// interval, which a flash disk rarely needs to the full. A busy disk can make even a
// rename wait for seconds; the save then ends by itself.
func SavePatience(interval time.Duration) time.Duration { return interval / 10 }

// LastSavePatience is for how long a daemon that ends waits for its last save.
const LastSavePatience = 5 * time.Second
