//! Pools and volumes: linear slices of a device, recorded in its superblock.
