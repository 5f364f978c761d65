# Functions for the scripts that tests send; the agent sources this file before each of them.

# until_true SECONDS COMMAND...: repeats the command until it succeeds; fails after about SECONDS.
until_true() {
  _left=$(($1 * 10)); shift
  until "$@"; do
    _left=$((_left - 1))
    [ $_left -gt 0 ] || { echo "gave up waiting for: $*"; return 1; }
    usleep 100000
  done
}

# subsystem_of NQN: the directory of a connected subsystem in sysfs.
subsystem_of() {
  for _s in /sys/class/nvme-subsystem/*; do
    [ "$(cat "$_s/subsysnqn" 2>/dev/null)" = "$1" ] && { echo "$_s"; return 0; }
  done
  return 1
}

# controller_of NQN: the first controller of a subsystem, as /dev/nvmeX.
controller_of() {
  _s=$(subsystem_of "$1") || return 1
  for _c in "$_s"/nvme*; do
    [ -e "$_c/cntlid" ] && { echo "/dev/${_c##*/}"; return 0; }
  done
  return 1
}

# namespace_of NQN: the block device of a subsystem's namespace. With native multipath it hangs under the
# subsystem, without under the controller; nvmeXcYnZ is a path, not a device.
namespace_of() {
  _s=$(subsystem_of "$1") || return 1
  for _n in "$_s"/nvme*n* "$_s"/nvme*/nvme*n*; do
    _b=${_n##*/}
    case $_b in
      *c*n*) ;;
      nvme*n[0-9]*) [ -b "/dev/$_b" ] && { echo "/dev/$_b"; return 0; } ;;
    esac
  done
  return 1
}

_ready() { namespace_of "$1" > /dev/null; }

# attach PORT NQN [OPTIONS...]: connects to $TARGET, by default the host's loopback, and prints the block device.
attach() {
  _port=$1 _nqn=$2; shift 2
  nvme connect -t tcp -a "${TARGET:-10.0.2.2}" -s "$_port" -n "$_nqn" "$@" > /tmp/connect.txt 2>&1 || { cat /tmp/connect.txt; return 1; }
  until_true 20 _ready "$_nqn" || return 1
  namespace_of "$_nqn"
}

# detach NQN: disconnects and waits for the controllers to be gone.
detach() {
  nvme disconnect -n "$1" > /dev/null && until_true 20 gone "$1"
}
gone() { ! controller_of "$1" > /dev/null; }

# load_drives: the kernel's modules for drives, its own and those for drivers in user space.
load_drives() {
  while read -r _module; do insmod "$_module" || return 1; done < /lib/modules/load-drives
}

# drive_address SERIAL: the PCI address of the kernel's drive with this serial number.
drive_address() {
  for _c in /sys/class/nvme/*; do
    [ "$(tr -d ' ' < "$_c/serial" 2>/dev/null)" = "$1" ] && { cat "$_c/address"; return 0; }
  done
  return 1
}

# hand_over ADDRESS DRIVER: takes a PCI device from its driver and gives it to another.
hand_over() {
  _d=/sys/bus/pci/devices/$1
  [ ! -e "$_d/driver" ] || echo "$1" > "$_d/driver/unbind" || return 1
  echo "$2" > "$_d/driver_override"
  echo "$1" > /sys/bus/pci/drivers_probe
  [ "$(basename "$(readlink "$_d/driver")")" = "$2" ] || { echo "$1 is not bound to $2"; return 1; }
}
