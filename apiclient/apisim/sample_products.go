package apisim

// product is something that is metered and sold.
type product struct {
	family, name, code, unit string

	price     int64  // 1/10000 EUR a unit
	resources int    // that a customer of scale 100 has
	monthly   int64  // units a resource uses in a month, in thousandths
	prefix    string // of the names of resources
}

// hours of a month of 31 days, in thousandths.
const hours = 744_000

func flexibleEngine() []product {
	return []product{
		{"Compute", "Elastic Cloud Server s6.large.2", "FE-ECS-S6L2", "hour", 792, 9, hours, "web"},
		{"Compute", "Elastic Cloud Server s6.2xlarge.4", "FE-ECS-S62X4", "hour", 4310, 6, hours, "app"},
		{"Compute", "Cloud Container Engine cluster", "FE-CCE-50", "hour", 1850, 2, hours, "cce"},
		{"Storage", "Elastic Volume Service SSD", "FE-EVS-SSD", "GB.month", 1120, 12, 250_000, "vol"},
		{"Storage", "Object Storage Service Standard", "FE-OBS-STD", "GB.month", 210, 5, 3_400_000, "bucket"},
		{"Network", "Elastic IP", "FE-EIP", "hour", 45, 7, hours, "eip"},
		{"Network", "Elastic Load Balancer", "FE-ELB", "hour", 310, 3, hours, "elb"},
		{"Database", "RDS PostgreSQL c6.xlarge.4 HA", "FE-RDS-PG", "hour", 6240, 3, hours, "pg"},
		{"Backup", "Cloud Backup and Recovery", "FE-CBR", "GB.month", 390, 6, 800_000, "vault"},
	}
}

func cloudAvenue() []product {
	return []product{
		{"Compute", "vCPU 2.2 GHz Standard", "CAV-VCPU-STD", "vCPU.hour", 118, 14, 4 * hours, "vm"},
		{"Compute", "Memory", "CAV-RAM", "GB.hour", 62, 14, 16 * hours, "vm"},
		{"Storage", "Block Storage Gold", "CAV-STO-GOLD", "GB.month", 1240, 8, 500_000, "disk"},
		{"Storage", "Object Storage S3", "CAV-S3", "GB.month", 180, 4, 5_200_000, "s3"},
		{"Network", "Edge Gateway Medium", "CAV-EDGE-M", "hour", 980, 2, hours, "edge"},
		{"Network", "Internet bandwidth", "CAV-NET", "Mbit/s.month", 21500, 2, 100_000, "t0"},
		{"Backup", "NetBackup protected data", "CAV-NBU", "GB.month", 950, 7, 900_000, "policy"},
		{"Licence", "Windows Server Datacenter", "CAV-WIN-DC", "vCPU.month", 92500, 5, 4_000, "win"},
	}
}
