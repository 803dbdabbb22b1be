# OpenSSH: a key of type ecdsa-sk, a signature, its verification, and the refusal of another text.
. /job/clients/lib

timed registered ssh-keygen -q -t ecdsa-sk -N '' -C rig -f identity
echo "rig $(cat identity.pub)" >allowed
echo "open the gate" >text
timed signed ssh-keygen -q -Y sign -f identity -n rig text
ssh-keygen -Y verify -f allowed -I rig -n rig -s text.sig <text
if echo "open all gates" | ssh-keygen -Y verify -f allowed -I rig -n rig -s text.sig; then fail "another text passes"; fi
