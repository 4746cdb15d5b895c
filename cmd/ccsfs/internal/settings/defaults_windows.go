package settings

// portableNames is the default of portable-names: other names cannot be made here.
const portableNames = "true"
